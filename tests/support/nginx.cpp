// SPDX-License-Identifier: MIT
#include "tests/support/nginx.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>
#include <utility>

namespace flagship::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Free a moment ago: whoever is told so tries again when it is not.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

bool can_connect(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const int result = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return result == 0;
}

}  // namespace

std::string Nginx::program() {
  for (const char* path : {"/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

Nginx::Nginx(const std::filesystem::path& root, std::optional<Identity> identity)
    : identity_(std::move(identity)) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (start(root)) return;
  }
  throw std::runtime_error("nginx does not start: " + program_->err());
}

bool Nginx::start(const std::filesystem::path& root) {
  port_ = free_port();
  const std::string here = folder_.path();
  std::ostringstream config;
  config << "daemon off;\nmaster_process off;\npid " << here << "/pid;\nerror_log stderr warn;\n"
         << "events { worker_connections 512; }\nhttp {\n"
         << "  log_format each '$connection $status $server_protocol $request_uri';\n"
         << "  access_log " << here << "/access each;\n  keepalive_requests 100000;\n";
  for (const char* what : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    config << "  " << what << "_temp_path " << here << "/" << what << ";\n";
  }
  config << "  types { image/gif gif; text/plain txt; }\n"
         << "  default_type application/octet-stream;\n"
         << "  server { listen 127.0.0.1:" << port_;
  if (identity_)
    config << " ssl http2; ssl_certificate " << identity_->certificate << "; ssl_certificate_key "
           << identity_->key;
  config << "; root " << root.string() << ";\n"
         << "  location /unmeasured/ { ssi on; ssi_types *; } }\n}\n";
  write_file(folder_ / "conf", config.str());
  program_ = std::make_unique<Program>(Command{
      .argv = {program(), "-p", here, "-e", "stderr", "-c", here + "/conf"}, .folder = here});
  return wait_until([this] { return can_connect(port_) || !program_->running(); }) &&
         program_->running();
}

std::string Nginx::url(std::string_view path) const {
  return (identity_ ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(port_) +
         std::string(path);
}

std::vector<Nginx::Request> Nginx::requests() const {
  std::istringstream log(read_file(folder_ / "access"));
  std::vector<Request> requests;
  for (Request one; log >> one.connection >> one.status >> one.protocol >> one.target;)
    requests.push_back(one);
  return requests;
}

}  // namespace flagship::testing
