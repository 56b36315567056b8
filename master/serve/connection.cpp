// SPDX-License-Identifier: MIT
#include "master/serve/connection.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>

#include "master/serve/discarded_body.hpp"

namespace flagship::serve {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

constexpr std::size_t kDrop = 8;
constexpr auto kBetweenDrops = std::chrono::milliseconds(100);

asio::const_buffer buffer(std::string_view text) { return {text.data(), text.size()}; }

// One client. Every wait holds a shared_ptr to it, and nothing else does.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, const Site& site, Chance& chance)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), site_(site), chance_(chance) {}

  void read() {
    parser_.emplace();
    // Not boost::none: in Beast 1.74 that refuses every body that states its length.
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
    http::async_read(socket_, input_, *parser_,
                     [self = shared_from_this()](error_code error, std::size_t) {
                       error ? self->misread(error) : self->choose();
                     });
  }

 private:
  using Parser = http::request_parser<DiscardedBody>;

  // An error drops the last reference, which closes the connection.
  auto then(void (Connection::*next)()) {
    return [self = shared_from_this(), next](error_code error, std::size_t = 0) {
      if (!error) ((*self).*next)();
    };
  }

  void misread(error_code error) {
    const bool gone =
        error == http::error::end_of_stream || error.category() == boost::system::system_category();
    if (gone) return;
    reply_ = &site_.bad_request();
    has_body_ = true;
    ending_ = ending(false, false);
    keep_ = false;
    send(reply_->body.size());
  }

  void choose() {
    const auto& request = parser_->get();
    const http::verb method = request.method();
    const bool known = method == http::verb::get || method == http::verb::head;
    const std::string_view target(request.target().data(), request.target().size());
    reply_ = known ? &site_.find(target) : &site_.wrong_method();
    has_body_ = method != http::verb::head;
    keep_ = request.keep_alive();
    ending_ = ending(keep_, request.version() < 11);
    hold();
  }

  // HTTP/1.0 closes unless told otherwise, HTTP/1.1 keeps.
  static std::string_view ending(bool keep, bool old) {
    if (!keep) return "Connection: close\r\n\r\n";
    return old ? "Connection: keep-alive\r\n\r\n" : "\r\n";
  }

  void hold() {
    const auto delay = chance_.delay();
    if (delay.count() == 0) return answer();
    timer_.expires_after(delay);
    timer_.async_wait(then(&Connection::answer));
  }

  void answer() {
    switch (chance_.fault()) {
      case Fault::Kind::none:
        return send(body_size());
      case Fault::Kind::reset:
        return reset();
      case Fault::Kind::truncate:
        return truncate();
      case Fault::Kind::slow:
        return drip();
      case Fault::Kind::status:
        return send_status(chance_.status());
    }
  }

  void send(std::size_t body_bytes) {
    const std::array<asio::const_buffer, 3> parts{buffer(reply_->head), buffer(ending_),
                                                  asio::buffer(reply_->body, body_bytes)};
    asio::async_write(socket_, parts, then(&Connection::finish));
  }

  void send_status(int code) {
    reply_ = &site_.status(code);
    keep_ = keep_ && reply_->final;
    send(body_size());
  }

  void truncate() {
    keep_ = false;
    send(body_size() / 2);
  }

  void reset() {
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    // By hand: the destructor would take the linger option back.
    socket_.close(ignored);
  }

  void drip() {
    dripped_ = 0;
    const std::array<asio::const_buffer, 2> parts{buffer(reply_->head), buffer(ending_)};
    asio::async_write(socket_, parts, then(&Connection::wait_for_drop));
  }

  void wait_for_drop() {
    if (dripped_ == body_size()) return finish();
    timer_.expires_after(kBetweenDrops);
    timer_.async_wait(then(&Connection::drop));
  }

  void drop() {
    const std::string_view next = std::string_view(reply_->body).substr(dripped_, kDrop);
    dripped_ += next.size();
    asio::async_write(socket_, buffer(next), then(&Connection::wait_for_drop));
  }

  void finish() {
    if (keep_) return read();
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

  std::size_t body_size() const { return has_body_ ? reply_->body.size() : 0; }

  Socket socket_;
  Timer timer_;
  const Site& site_;
  Chance& chance_;
  boost::beast::flat_buffer input_;
  std::optional<Parser> parser_;
  const Reply* reply_ = nullptr;
  std::string_view ending_;
  bool has_body_ = true;
  bool keep_ = true;
  std::size_t dripped_ = 0;
};

}  // namespace

void serve_connection(Socket socket, const Site& site, Chance& chance) {
  std::make_shared<Connection>(std::move(socket), site, chance)->read();
}

}  // namespace flagship::serve
