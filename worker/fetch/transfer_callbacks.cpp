// SPDX-License-Identifier: MIT
// The part of a transfer that libcurl calls: what comes over the wire, and which connections it may
// use.
#include "worker/fetch/transfer.hpp"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "worker/fetch/robots_tag.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

// What is read of a body that nobody wants, so that its connection can be used again.
constexpr std::uint64_t kUnwantedAtMost = 64 * 1024;

// Whether this connection does, where it may: by HTTP/3, or HTTP/2 as both sides agreed.
bool carries_several(CURL* easy, int socket) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM)
    return true;
  const curl_tlssessioninfo* tls = nullptr;
  curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &tls);
  if (tls == nullptr || tls->backend != CURLSSLBACKEND_OPENSSL || tls->internals == nullptr)
    return false;
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(static_cast<const SSL*>(tls->internals), &name, &length);
  return std::string_view(reinterpret_cast<const char*>(name), length) == "h2";
}

}  // namespace

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  const std::string_view line(data, size * count);
  return static_cast<Transfer*>(self)->take_header(line) ? line.size() : CURL_WRITEFUNC_ERROR;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  const std::string_view bytes(data, size * count);
  if (static_cast<Transfer*>(self)->waits_for_bucket()) return CURL_WRITEFUNC_PAUSE;
  return static_cast<Transfer*>(self)->take_body(bytes) ? bytes.size() : CURL_WRITEFUNC_ERROR;
}

int Transfer::on_request(void* self, char* peer, char*, int peer_port, int own_port) {
  auto& transfer = *static_cast<Transfer*>(self);
  return transfer.may_reuse(peer, peer_port, own_port) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

curl_socket_t Transfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  return static_cast<Transfer*>(self)->open(*address);
}

int Transfer::on_close(void* shared, curl_socket_t socket) {
  static_cast<Shared*>(shared)->connections.closed(socket);
  static_cast<Shared*>(shared)->poller.forget(socket);
  return ::close(socket);
}

bool Transfer::take_header(std::string_view line) {
  const bool was_complete = head_.complete();
  head_.add(line);
  note_progress(line.size());
  if (head_.too_long()) {
    return stop(v1::PROTOCOL,
                "more than " + std::to_string(ResponseHead::kMaxBytes / 1024) + " KiB of headers");
  }
  return was_complete || !head_.complete() || take_head();
}

bool Transfer::take_head() {
  if (!head_.fault().empty()) return stop(v1::PROTOCOL, head_.fault());
  if (may_be_cut_unseen()) {
    doubted_ = true;
    return false;
  }
  if (auto unwanted = unwanted_by_robots()) return stop(std::move(unwanted));
  if (head_.status() == 206 && body_.partial()) return take_rest();
  return !reads_file() || stop(body_.open(head_));
}

bool Transfer::may_be_cut_unseen() const {
  const bool wanted = reads_file() || (head_.status() == 206 && body_.partial());
  const bool told = head_.content_length() && !head_.encoded();
  return settings_->doubts_http2() && head_.http2() && wanted && !told;
}

std::optional<Ending> Transfer::unwanted_by_robots() const {
  const std::string& agent = settings_->fields().robots_agent();
  if (agent.empty() || head_.robots_tag().empty() || !reads_file() || body_.is_returned())
    return std::nullopt;
  const std::string_view directive = refusing_directive(head_.robots_tag(), agent);
  if (directive.empty()) return std::nullopt;
  return Ending{v1::REFUSED_ROBOTS, "the server asks robots not to take it (X-Robots-Tag: " +
                                        std::string(directive) + ")"};
}

bool Transfer::take_rest() {
  misfit_ = !body_.continues(head_);
  if (misfit_) return stop(v1::PROTOCOL, "not the part that was asked for");
  resumes_ = true;
  result_.set_resumed_from(body_.partial()->size);
  return stop(body_.go_on(head_));
}

bool Transfer::take_body(std::string_view bytes) {
  received_ += bytes.size();
  if (shared_.bucket.limited()) shared_.bucket.spend(bytes.size());
  note_progress(bytes.size());
  if (!reads_file()) return received_ <= kUnwantedAtMost;
  return stop(body_.add(bytes));
}

// libcurl keeps the piece and asks again when it is told to go on.
bool Transfer::waits_for_bucket() {
  if (!shared_.bucket.limited() || shared_.bucket.open(shared_.now)) return false;
  held_up_ = true;
  shared_.held_up.push_back(index_);
  return true;
}

void Transfer::go_on() {
  if (!std::exchange(held_up_, false) || ended_ || !in_multi) return;
  progress_from_ = shared_.now;  // the wait was not the server's
  curl_easy_pause(handle(), CURLPAUSE_CONT);
}

void Transfer::note_progress(std::size_t bytes) {
  progress_ += bytes;
  if (progress_ < limits_.stall_bytes()) return;
  progress_ = 0;
  progress_from_ = shared_.now;
}

bool Transfer::stop(v1::FetchClass error_class, std::string reason) {
  if (!stopped_) stopped_ = Ending{error_class, std::move(reason)};
  return false;
}

bool Transfer::stop(std::optional<Ending> ending) {
  return !ending || stop(ending->error_class, std::move(ending->reason));
}

// A connection in libcurl's cache may have been opened under another policy, and may hold bytes
// that the server sent after its last answer: libcurl would take them for the next one.
bool Transfer::allowed(const Endpoint& peer) const {
  return settings_->proxied() || policy_.allows(peer);  // the proxy is one that the user named
}

bool Transfer::may_reuse(std::string_view peer, int peer_port, int own_port) {
  requested_ = true;
  progress_ = 0;
  progress_from_ = requested_at_ = shared_.now;
  if (!opened_.empty()) {
    shared_.connections.connected(opened_, own_port);
    return true;
  }
  if (!lookup_.empty()) shared_.lookups.leave(lookup_, index_);
  const int socket = shared_.connections.find(own_port, peer, peer_port);
  if (socket >= 0 && !allowed(shared_.connections.peer(socket))) {
    refused_ = shared_.connections.peer(socket);
    return false;
  }
  const bool shared = settings_->multiplexes() && carries_several(handle(), socket);
  stale_ = socket < 0 || (!shared && holds_unread(socket));
  return !stale_;
}

curl_socket_t Transfer::open(const curl_sockaddr& address) {
  if (!lookup_.empty()) shared_.lookups.found(lookup_, index_, shared_.now);
  const auto endpoint = endpoint_of(address.addr);
  if (!endpoint) return CURL_SOCKET_BAD;
  if (!allowed(*endpoint)) {
    refused_ = endpoint;
    return CURL_SOCKET_BAD;
  }
  const int socket =
      ::socket(address.family, address.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.protocol);
  if (socket < 0) {
    stop(v1::CONNECT, "cannot open a socket: " + std::generic_category().message(errno));
    return CURL_SOCKET_BAD;
  }
  shared_.connections.opened(socket, *endpoint);
  shared_.poller.own(socket);
  opened_.push_back(socket);
  return socket;
}

}  // namespace flagship::fetch
