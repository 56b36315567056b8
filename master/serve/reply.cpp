// SPDX-License-Identifier: MIT
#include "master/serve/reply.hpp"

#include <boost/beast/http/status.hpp>
#include <cstdint>
#include <ostream>  // for Beast, whose status.hpp uses it
#include <string_view>

namespace flagship::serve {
namespace {

namespace http = boost::beast::http;

std::string status_text(int status) {
  // Beast 1.74 does not know this one.
  if (status == 418) return "418 I'm a Teapot";
  const http::status known = http::int_to_status(static_cast<unsigned>(status));
  const std::string number = std::to_string(status) + " ";
  return known == http::status::unknown ? number
                                        : number + std::string(http::obsolete_reason(known));
}

std::string content_lines(std::string_view type, const std::string& body) {
  return "Content-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
}

std::string status_line(int status) { return "HTTP/1.1 " + status_text(status) + "\r\n"; }

// FNV-1a, the same on every start, so that a copy stays valid over a restart.
std::string etag(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return '"' + std::to_string(hash) + '"';
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

Reply image_reply(std::string image) {
  std::string head =
      status_line(200) + content_lines("image/gif", image) + "ETag: " + etag(image) + "\r\n";
  return {std::move(head), std::move(image)};
}

Reply status_reply(int status, const std::string& header_lines) {
  const std::string start = status_line(status) + header_lines;
  if (!has_body(status)) return {start, {}, status >= 200};
  std::string body = status_text(status) + "\n";
  return {start + content_lines("text/plain", body), std::move(body)};
}

}  // namespace flagship::serve
