// SPDX-License-Identifier: MIT
#include "master/cli/transfer_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "master/cli/option_group.hpp"
#include "master/cli/validators.hpp"
#include "master/fetch/robots.hpp"
#include "worker/fetch/address_policy.hpp"
#include "worker/fetch/media_type.hpp"
#include "worker/fetch/settings.hpp"
#include "worker/fetch/text.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::cli {
namespace {

[[noreturn]] void refuse(const char* option, const std::string& why) {
  throw std::invalid_argument(std::string(option) + ": " + why);
}

std::string readable(const char* option, const std::string& path) {
  if (path.empty()) return {};
  std::error_code error;
  if (std::filesystem::is_directory(path, error) || ::access(path.c_str(), R_OK) != 0)
    refuse(option, "cannot read the file '" + path + "'");
  return std::filesystem::absolute(path);
}

std::vector<std::string> lines_in(const char* option, const std::string& path) {
  std::ifstream file(readable(option, path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    const std::string_view text = fetch::trimmed(line);
    if (!text.empty() && text.front() != '#') lines.emplace_back(text);
  }
  return lines;
}

std::string only_line_in(const char* option, const std::string& path) {
  const auto lines = lines_in(option, path);
  if (lines.size() != 1) refuse(option, "the file '" + path + "' holds no single line");
  return lines.front();
}

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// The line itself may hold a secret and is not repeated.
void check_header(const std::string& line) {
  const auto colon = line.find(':');
  const std::string_view name = std::string_view(line).substr(0, colon);
  const bool named = colon != std::string::npos && !name.empty() &&
                     std::all_of(name.begin(), name.end(), is_name_char);
  const bool one_line = std::none_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
  if (!named || !one_line) refuse("--header", "a line that is not 'Name: value'");
  for (const char* ours : {"content-length", "transfer-encoding", "range", "if-range"})
    if (fetch::same_word(name, ours)) refuse("--header", std::string(ours) + " cannot be set");
}

void add_headers(const TransferOptions& options, v1::FetchSettings& settings) {
  for (const std::string& given : options.headers) {
    const bool file = given.starts_with('@');
    for (const std::string& line :
         file ? lines_in("--header", given.substr(1)) : std::vector{given}) {
      check_header(line);
      settings.add_headers(line);
    }
  }
}

std::string token_of(const std::string& where) {
  if (where.empty()) return {};
  std::string token;
  if (where.starts_with("env:")) {
    const char* const value = std::getenv(where.c_str() + 4);
    if (value == nullptr) refuse("--bearer", "the environment has no " + where.substr(4));
    token = fetch::trimmed(value);
  } else {
    token = only_line_in("--bearer", where);
  }
  if (token.empty() || !fetch::is_plain(token) || token.find(' ') != std::string::npos)
    refuse("--bearer", "what '" + where + "' holds is no token");
  return token;
}

std::string netrc_of(const TransferOptions& options) {
  if (!options.netrc_file.empty()) return readable("--netrc-file", options.netrc_file);
  if (!options.netrc) return {};
  const char* const home = std::getenv("HOME");
  return readable("--netrc", (home == nullptr ? std::string() : std::string(home)) + "/.netrc");
}

std::string proxy_of(const std::string& given) {
  if (given.empty()) return {};
  const bool file = given.starts_with('@');
  std::string proxy = file ? only_line_in("--proxy", given.substr(1)) : given;
  const auto scheme = proxy.find("://");
  if (scheme == std::string::npos) proxy = "http://" + proxy;
  const std::string kind = fetch::lower(proxy.substr(0, proxy.find("://")));
  // Others would have names looked up here, unseen by the address policy.
  const bool known = kind == "http" || kind == "https" || kind == "socks5h" || kind == "socks4a";
  if (!known) refuse("--proxy", "it is none of http, https, socks5h and socks4a");
  if (!file && proxy.find('@') != std::string::npos)
    refuse("--proxy", "one with a password is read from a file: --proxy @FILE");
  return proxy;
}

// As libcurl takes it: an IPv6 address is in brackets.
bool is_resolve(std::string_view line) {
  const auto host = line.find(':');
  const auto port = host == line.npos ? host : line.find(':', host + 1);
  if (host == 0 || port == line.npos) return false;
  const std::string number(line.substr(host, port - host));  // with its colon
  for (std::string_view rest = line.substr(port + 1);;) {
    const auto comma = std::min(rest.find(','), rest.size());
    if (!fetch::parse_endpoint(std::string(rest.substr(0, comma)) + number)) return false;
    if (comma == rest.size()) return true;
    rest.remove_prefix(comma + 1);
  }
}

void add_resolve(const TransferOptions& options, v1::FetchSettings& settings) {
  for (const std::string& given : options.resolve) {
    const bool file = given.starts_with('@');
    for (const std::string& line :
         file ? lines_in("--resolve", given.substr(1)) : std::vector{given}) {
      if (!is_resolve(line))
        refuse("--resolve", "'" + line + "' is not HOST:PORT:ADDRESS,ADDRESS...");
      settings.add_resolve(line);
    }
  }
}

std::string doh_of(const std::string& url) {
  if (!url.empty() && fetch::scheme_of(url) != "https")
    refuse("--doh", "'" + url + "' is no https URL");
  return url;
}

// As the last line of them names it, if any does.
std::string robot_name_of(const v1::FetchSettings& settings) {
  std::string name = fetch::robot_name(fetch::kUserAgent);
  for (const std::string& line : settings.headers()) {
    const auto colon = line.find(':');
    if (fetch::same_word(line.substr(0, colon), "user-agent"))
      name = fetch::robot_name(line.substr(colon + 1));
  }
  if (name.empty()) refuse("--robots", "User-Agent does not begin with a name to look for");
  return name;
}

std::string types_help() { return "Refuse bodies of other media types: image/gif, image/*, ..."; }

void parse_types(const std::string& text, std::vector<std::string>& types) {
  for (std::string_view rest = text; !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const std::string type = fetch::lower(fetch::trimmed(rest.substr(0, comma)));
    if (!fetch::is_type_pattern(type))
      throw CLI::ValidationError("--accept-type",
                                 "'" + type + "' is not a media type like image/gif or image/*");
    types.push_back(type);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
}

CLI::Option* add_text(CLI::App& app, const char* name, std::string& value, const char* type,
                      const char* help) {
  return app.add_option(name, value, help)->type_name(type);
}

v1::HttpVersion parsed_version(const std::string& text) {
  for (const auto& [word, version] : {std::pair("auto", v1::HTTP_AUTO),
                                      {"1.1", v1::HTTP_1_1},
                                      {"2", v1::HTTP_2},
                                      {"3", v1::HTTP_3}})
    if (text == word) return version;
  throw CLI::ValidationError("--http", "'" + text + "' is not one of auto, 1.1, 2, 3");
}

void refuse_version(v1::HttpVersion version) {
  if (version == v1::HTTP_2 && !fetch::http2_is_there())
    refuse("--http", fetch::libcurl_name() + " was built without HTTP/2");
  if (version == v1::HTTP_3 && !fetch::http3_is_there())
    refuse("--http", fetch::libcurl_name() + " was built without HTTP/3");
}

void declare_who(CLI::App& app, TransferOptions& options) {
  app.add_option("-H,--header", options.headers,
                 "A line of each request, 'Name: value'; @FILE: those of a file, for secrets")
      ->type_name("LINE")
      ->allow_extra_args(false);
  add_text(app, "--bearer", options.bearer, "FILE",
           "File with the token for Authorization: Bearer; env:NAME: a variable with it");
  app.add_flag("--netrc", options.netrc, "Names and passwords of hosts from ~/.netrc");
  add_text(app, "--netrc-file", options.netrc_file, "FILE", "The same from another file");
  app.add_flag("--cookies", options.cookies,
               "Keep servers' cookies for the run, in each worker by itself");
  add_text(app, "--cookie-file", options.cookie_file, "FILE",
           "Cookies to begin with, as browsers save them (implies --cookies)");
}

void declare_how(CLI::App& app, TransferOptions& options) {
  add_text(app, "--proxy", options.proxy, "URL",
           "Go through it; @FILE: its URL from a file. Names are then looked up there");
  add_text(app, "--cacert", options.ca_file, "FILE", "Trust these certificates, not the system's");
  app.add_flag("--insecure", options.insecure, "Take any certificate");
  add_text(app, "--cert", options.certificate_file, "FILE", "The client's certificate");
  add_text(app, "--cert-key", options.key_file, "FILE", "Its key (default: the same file)");
  app.add_option_function<std::string>(
         "--tls-min",
         [&options](const std::string& text) {
           if (text != "1.2" && text != "1.3")
             throw CLI::ValidationError("--tls-min", "'" + text + "' is not one of 1.2, 1.3");
           options.least_tls = text == "1.3" ? v1::TLS_1_3 : v1::TLS_1_2;
         },
         "Refuse older TLS: 1.2 or 1.3 (default: what the system's OpenSSL is set to)")
      ->type_name("VERSION");
  app.add_option("--resolve", options.resolve,
                 "An address instead of a look-up, 'HOST:PORT:ADDRESS,...'; @FILE: lines of a file")
      ->type_name("LINE")
      ->allow_extra_args(false);
  add_text(app, "--doh", options.doh_url, "URL",
           "Look names up by DNS over HTTPS there, not by the system's resolver");
  add_duration(app, "--dns-timeout", options.dns_timeout,
               "Looking a name up (default: within --connect-timeout)");
  add_duration(app, "--first-byte-timeout", options.first_byte_timeout,
               "From the request to the first byte of its answer (default: none)");
  app.add_option_function<std::string>(
         "--http", [&options](const std::string& text) { options.http = parsed_version(text); },
         "Version: auto, 1.1, 2 or 3 (default: auto, which is 2 where that is safe)")
      ->type_name("VERSION");
}

void declare_what(CLI::App& app, TransferOptions& options) {
  app.add_flag("--compressed", options.compressed,
               "Ask for gzip, br and zstd, and save what is in them");
  app.add_option_function<std::vector<std::string>>(
         "--accept-type",
         [&options](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) parse_types(text, options.accept_types);
         },
         types_help())
      ->type_name("TYPE,TYPE...")
      ->allow_extra_args(false);
  app.add_flag("--robots", options.robots, "Heed what robots.txt and X-Robots-Tag ask of robots");
}

}  // namespace

void declare_transfer_options(CLI::App& app, TransferOptions& options) {
  in_group(app, "Who asks", [&] { declare_who(app, options); });
  in_group(app, "How servers are reached", [&] { declare_how(app, options); });
  in_group(app, "What is taken of answers", [&] { declare_what(app, options); });
}

v1::FetchSettings settings_of(const TransferOptions& options) {
  v1::FetchSettings settings;
  add_headers(options, settings);
  settings.set_bearer(token_of(options.bearer));
  settings.set_netrc_file(netrc_of(options));
  settings.set_proxy(proxy_of(options.proxy));
  settings.set_cookies(options.cookies || !options.cookie_file.empty());
  settings.set_cookie_file(readable("--cookie-file", options.cookie_file));
  settings.set_ca_file(readable("--cacert", options.ca_file));
  settings.set_insecure(options.insecure);
  settings.set_certificate_file(readable("--cert", options.certificate_file));
  settings.set_key_file(readable("--cert-key", options.key_file));
  if (!options.key_file.empty() && options.certificate_file.empty())
    refuse("--cert-key", "there is no --cert that it belongs to");
  settings.set_least_tls(options.least_tls);
  add_resolve(options, settings);
  settings.set_compressed(options.compressed);
  for (const std::string& type : options.accept_types) settings.add_accept_types(type);
  refuse_version(options.http);
  settings.set_http(options.http);
  settings.set_doh_url(doh_of(options.doh_url));
  if (options.robots) settings.set_robots_agent(robot_name_of(settings));
  return settings;
}

std::string http_line(const TransferOptions& options) {
  const std::string offered = " where a server offers it over TLS";
  if (options.http == v1::HTTP_3)
    return "Requests are HTTP/3" + offered + " (" + fetch::libcurl_name() + ").";
  if (fetch::http2_is_safe() && options.http != v1::HTTP_1_1)
    return "Requests are HTTP/2" + offered + " (" + fetch::libcurl_name() + ").";
  if (options.http == v1::HTTP_2)
    return "Requests are HTTP/2" + offered + "; " + fetch::libcurl_name() +
           " can take one for whole that is cut off, so what tells no length is asked for again by "
           "HTTP/1.1.";
  return "Requests are HTTP/1.1" +
         (options.http == v1::HTTP_1_1 ? std::string()
                                       : ": HTTP/2 is not safe with " + fetch::libcurl_name()) +
         ".";
}

}  // namespace flagship::cli
