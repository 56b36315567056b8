// SPDX-License-Identifier: MIT
#include "master/fetch/console.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "master/fetch/progress.hpp"
#include "master/fetch/report.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr auto kBarEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(5);
constexpr std::size_t kUsualColumns = 80;
constexpr std::size_t kBufferBytes = 64 * 1024;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {  // whoever shares it does not want to wait; a result does
      pollfd polled{fd, POLLOUT, 0};
      poll(&polled, 1, -1);
      continue;
    }
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string printed(const ResultFuture& future) {
  std::ostringstream text;
  text << future;
  return text.str();
}

std::string shown_key(const Item& item) { return printable(item.key, 200); }

std::size_t terminal_columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

}  // namespace

Console::Console(ConsoleOptions options, const Tally& tally)
    : options_(options),
      tally_(tally),
      terminal_(isatty(STDERR_FILENO) == 1),
      next_progress_(begin_ + (terminal_ ? Clock::duration(kBarEvery) : kLineEvery)) {}

void Console::scheduled(const Item& item, const ResultFuture& future) {
  write_out(fmt::format("Scheduled for {}: {}\n", shown_key(item), printed(future)));
}

void Console::began(const Item& item, const ResultFuture& future) {
  write_out(fmt::format("Running for {}: {}\n", shown_key(item), printed(future)));
}

void Console::completed(const Item& item, const ResultFuture& future) {
  write_out(fmt::format("{} result: {}\n", printed(future), shown_key(item)));
}

void Console::ended(const ItemReport& report, const Totals&) {
  if (options_.lines == ItemLines::json) write_out(json_line(report) + "\n");
  if (options_.lines == ItemLines::text) write_out(text_line(report) + "\n");
  const v1::FetchOutcome outcome = report.result.outcome();
  const bool failed = outcome != v1::FETCH_OK && outcome != v1::FETCH_SKIPPED;
  if (failed && options_.lines != ItemLines::text) write_error(text_line(report) + "\n");
  if (options_.progress && Clock::now() >= next_progress_) show_progress();
}

void Console::heard(const PlanNews& news) {
  if (options_.lines == ItemLines::text) write_error(news_line(news) + "\n");
}

std::optional<Console::Clock::time_point> Console::idle(const Totals&) {
  flush();
  if (!options_.progress) return std::nullopt;
  if (Clock::now() >= next_progress_) show_progress();
  return next_progress_;
}

void Console::write_out(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (stdout_closed_) return;
  out_ += line;
  if (options_.at_once || out_.size() >= kBufferBytes) write_buffer();
}

void Console::write_buffer() {
  stdout_closed_ = !write_all(STDOUT_FILENO, out_);
  if (stdout_closed_ && errno != EPIPE) trouble_ = std::strerror(errno);
  out_.clear();
  if (stdout_closed_ && tell_closed_) tell_closed_();
}

void Console::flush() {
  const std::lock_guard lock(mutex_);
  if (out_.empty() || stdout_closed_) return;
  clear_bar();
  write_buffer();
}

void Console::write_error(const std::string& line) {
  clear_bar();
  write_all(STDERR_FILENO, line);
}

void Console::clear_bar() {
  if (std::exchange(bar_shown_, false)) write_all(STDERR_FILENO, "\r\x1b[K");
}

void Console::show_progress() {
  const Clock::time_point now = Clock::now();
  next_progress_ = now + (terminal_ ? Clock::duration(kBarEvery) : kLineEvery);
  const Totals& totals = tally_.totals();
  const Progress progress{tally_, source_ == nullptr ? std::nullopt : source_->expected(),
                          pace_.at(now, totals.ended(), totals.bytes), options_.flags};
  if (!terminal_) {
    write_all(STDERR_FILENO, progress_line(progress) + "\n");
    return;
  }
  // The last column stays free: in it, some terminals go on to the next line.
  write_all(STDERR_FILENO, "\r" + progress_bar(progress, terminal_columns() - 1) + "\x1b[K");
  bar_shown_ = true;
}

void Console::finish() {
  flush();
  clear_bar();
}

}  // namespace flagship::fetch
