// SPDX-License-Identifier: MIT
#include "master/fetch/console.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "master/fetch/report.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr auto kBarEvery = std::chrono::milliseconds(100);
constexpr auto kLineEvery = std::chrono::seconds(10);
constexpr std::size_t kBarWidth = 30;
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

}  // namespace

Console::Console(ConsoleOptions options)
    : options_(options),
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

void Console::ended(ItemReport&& report, const Totals& totals) {
  if (options_.lines == ItemLines::json) write_out(json_line(report) + "\n");
  if (options_.lines == ItemLines::text) write_out(text_line(report) + "\n");
  const v1::FetchOutcome outcome = report.result.outcome();
  const bool failed = outcome != v1::FETCH_OK && outcome != v1::FETCH_SKIPPED;
  if (failed && options_.lines != ItemLines::text) write_error(text_line(report) + "\n");
  if (options_.progress && Clock::now() >= next_progress_) show_progress(totals);
}

std::optional<Console::Clock::time_point> Console::idle(const Totals& totals) {
  flush();
  if (!options_.progress) return std::nullopt;
  if (Clock::now() >= next_progress_) show_progress(totals);
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

void Console::show_progress(const Totals& totals) {
  const std::chrono::duration<double> elapsed = Clock::now() - begin_;
  const double rate = static_cast<double>(totals.ended()) / std::max(elapsed.count(), 1e-9);
  next_progress_ = Clock::now() + (terminal_ ? Clock::duration(kBarEvery) : kLineEvery);
  std::string text = options_.expected ? fmt::format("{}/{}", totals.ended(), *options_.expected)
                                       : fmt::format("{}", totals.ended());
  text += fmt::format(" {}, {:.0f}/s", options_.flags ? "flags" : "files", rate);
  if (totals.errors > 0)
    text += fmt::format(", {} error{}", totals.errors, totals.errors == 1 ? "" : "s");
  if (options_.expected && rate > 0)
    text += ", " +
            clock_time(static_cast<double>(*options_.expected -
                                           std::min(*options_.expected, totals.ended())) /
                       rate) +
            " left";
  if (!terminal_) {
    write_all(STDERR_FILENO, text + "\n");
    return;
  }
  std::string bar;
  if (options_.expected && *options_.expected > 0) {
    const std::size_t full =
        std::min<std::size_t>(kBarWidth, kBarWidth * totals.ended() / *options_.expected);
    bar = "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
  }
  write_all(STDERR_FILENO, "\r" + bar + text + "\x1b[K");
  bar_shown_ = true;
}

void Console::finish() {
  flush();
  clear_bar();
}

}  // namespace flagship::fetch
