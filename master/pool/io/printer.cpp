// SPDX-License-Identifier: MIT
#include "master/pool/io/printer.hpp"

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <utility>

#include "master/pool/io/lines.hpp"

namespace flagship::pool {
namespace {

constexpr auto kLastMoment = std::chrono::seconds(1);
constexpr int kLastWaitMs = 100;

/// As many whole lines as a pipe takes in one piece, so that nobody else's come between.
std::string_view piece_of(std::string_view text) {
  if (text.size() <= PIPE_BUF) return text;
  const std::size_t end = text.rfind('\n', PIPE_BUF - 1);
  return text.substr(0, end == std::string_view::npos ? PIPE_BUF : end + 1);
}

}  // namespace

Printer::~Printer() {
  const auto end = std::chrono::steady_clock::now() + kLastMoment;
  while (unwritten() && std::chrono::steady_clock::now() < end)
    if (ready(kLastWaitMs)) flush();
}

void Printer::add(const std::string& prefix, std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n') + 1);
    lines.remove_prefix(line.size());
    const auto fits = [&] { return unwritten_.size() + prefix.size() + line.size() <= kMost; };
    if (!fits()) flush();
    if (fits())
      unwritten_.append(prefix).append(line);
    else
      left_out_ += line.size();
  }
}

// A pipe or terminal that can be written takes PIPE_BUF bytes at once.
bool Printer::ready(int wait_ms) const {
  pollfd polled{fd_, POLLOUT, 0};
  return poll(&polled, 1, wait_ms) > 0;
}

void Printer::flush() {
  std::size_t done = 0;
  while (done < unwritten_.size() && ready(0)) {
    const std::string_view piece = piece_of(std::string_view(unwritten_).substr(done));
    const ssize_t written = write(fd_, piece.data(), piece.size());
    if (written >= 0)
      done += static_cast<std::size_t>(written);
    else if (errno == EAGAIN)
      break;
    else if (errno != EINTR)
      done = unwritten_.size();  // nobody will ever read it
    if (done < unwritten_.size() || left_out_ == 0) continue;
    unwritten_ = "flagship: " + left_out(std::exchange(left_out_, 0)) + "\n";
    done = 0;
  }
  unwritten_.erase(0, done);
}

}  // namespace flagship::pool
