// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>

#include "common/os/unique_fd.hpp"
#include "master/fetch/list_lines.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kReadAhead = 8192;  // lines

/// Reads lines in a thread of its own, so that a slow pipe holds up nobody. Stops at destruction,
/// also in mid-read.
class LineReader {
 public:
  LineReader(UniqueFd file, std::function<void()> wake)
      : file_(std::move(file)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        wake_(std::move(wake)),
        thread_([this] { run(); }) {}
  ~LineReader() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      room_.notify_one();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
    thread_.join();
  }

  /// Moves what is there into `lines`; `more`: whether something may yet come; `error`: why it
  /// ended early.
  void take(std::deque<Line>& lines, bool& more, std::string& error) {
    const std::lock_guard lock(mutex_);
    lines.swap(lines_);
    more = !ended_;
    error = error_;
    asked_ = lines.empty();
    room_.notify_one();
  }

 private:
  void run() {
    std::array<char, 64 * 1024> buffer;
    for (;;) {
      pollfd polled[2] = {{file_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
      if (poll(polled, 2, -1) < 0 && errno != EINTR) return end(std::strerror(errno));
      if (polled[1].revents != 0) return;
      const ssize_t bytes = read(file_.get(), buffer.data(), buffer.size());
      if (bytes < 0 && errno == EINTR) continue;
      if (bytes < 0) return end(std::strerror(errno));
      if (bytes == 0) {
        splitter_.finish(fresh_);
        hand_over();
        return end({});
      }
      splitter_.add({buffer.data(), static_cast<std::size_t>(bytes)}, fresh_);
      if (!hand_over()) return;
    }
  }

  /// False when the reader is to stop.
  bool hand_over() {
    bool wake = false;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] { return stopped_ || lines_.size() < kReadAhead; });
      if (stopped_) return false;
      for (Line& line : fresh_) lines_.push_back(std::move(line));
      wake = asked_ && !lines_.empty();
      if (wake) asked_ = false;
    }
    fresh_.clear();
    if (wake) wake_();
    return true;
  }

  void end(std::string error) {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      error_ = std::move(error);
    }
    wake_();
  }

  const UniqueFd file_;
  const UniqueFd stop_;
  const std::function<void()> wake_;
  LineSplitter splitter_;
  std::deque<Line> fresh_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable room_;
  std::deque<Line> lines_;
  bool asked_ = false;
  bool ended_ = false;
  bool stopped_ = false;
  std::string error_;

  std::thread thread_;
};

class ListSource final : public Source {
 public:
  ListSource(std::string name, UniqueFd file, std::optional<std::size_t> limit,
             std::function<void()> wake)
      : name_(std::move(name)), limit_(limit), reader_(std::move(file), std::move(wake)) {}

  Next next() override {
    for (;;) {
      if (limit_ && index_ >= *limit_) return AtEnd{};
      if (lines_.empty()) {
        if (!more_) return at_end();
        reader_.take(lines_, more_, error_);
        if (lines_.empty()) return more_ ? Next(NotYet{}) : at_end();
      }
      const Line line = std::move(lines_.front());
      lines_.pop_front();
      auto item = item_of_line(line, name_);
      if (!item) continue;
      item->index = index_++;
      return *std::move(item);
    }
  }

  std::optional<std::size_t> size() const override { return std::nullopt; }

 private:
  Next at_end() {
    if (error_.empty()) return AtEnd{};
    Item item{index_++,
              name_,
              {},
              {},
              "the list could not be read to its end: " + std::exchange(error_, {})};
    return item;
  }

  const std::string name_;
  const std::optional<std::size_t> limit_;
  std::deque<Line> lines_;
  bool more_ = true;
  std::string error_;
  std::uint64_t index_ = 0;
  LineReader reader_;
};

}  // namespace

std::unique_ptr<Source> from_list(const std::string& path, std::optional<std::size_t> limit,
                                  std::function<void()> wake) {
  const bool standard = path == "-";
  UniqueFd file(standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                         : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    throw std::runtime_error("cannot read the list '" + path + "': " + std::strerror(errno));
  struct stat status {};
  if (fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode))
    throw std::runtime_error("cannot read the list '" + path + "': it is a folder");
  return std::make_unique<ListSource>(standard ? "standard input" : path, std::move(file), limit,
                                      std::move(wake));
}

std::size_t count_items(const std::string& path, std::size_t most) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return most;
  std::ifstream file(path, std::ios::binary);
  if (!file) return most;
  std::size_t items = 0;
  bool counted = false;  // this line
  for (char c = 0; items < most && file.get(c);) {
    if (c == '\n') counted = false;
    if (counted || c == '\n' || kListBlanks.find(c) != std::string_view::npos) continue;
    counted = true;
    if (c != '#') ++items;
  }
  return items;
}

}  // namespace flagship::fetch
