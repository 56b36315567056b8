// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "common/os/unique_fd.hpp"
#include "master/fetch/list_folder.hpp"
#include "master/fetch/list_items.hpp"
#include "master/fetch/list_text.hpp"
#include "master/fetch/source.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kReadAhead = 8192;                  // rows,
constexpr std::size_t kReadAheadBytes = 4 * 1024 * 1024;  // and what they take in memory
constexpr std::size_t kPiece = 64 * 1024;

/// How far the reader has come.
struct Position {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  // of the file
  bool at_end = false;
};

/// Reads rows in a thread of its own, so that a slow pipe holds up nobody. Stops at destruction,
/// also in mid-read.
class RowReader {
 public:
  RowReader(UniqueFd file, ListFormat format, const std::vector<Column>& columns,
            std::function<void()> wake)
      : file_(std::move(file)),
        stop_(eventfd(0, EFD_CLOEXEC)),
        wake_(std::move(wake)),
        text_(format, columns),
        thread_([this] { run(); }) {}
  ~RowReader() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      room_.notify_one();
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(stop_.get(), &one, sizeof one);
    thread_.join();
  }

  /// Moves what is there into `rows`; `more`: whether something may yet come; `error`: why it ended
  /// early.
  void take(std::deque<Row>& rows, bool& more, std::string& error) {
    const std::lock_guard lock(mutex_);
    rows.swap(rows_);
    held_bytes_ = 0;
    more = !ended_;
    error = error_;
    asked_ = rows.empty();
    room_.notify_one();
  }

  Position position() const {
    const std::lock_guard lock(mutex_);
    return position_;
  }

 private:
  void run() {
    const ListText::Take hand_over = [this](std::deque<Row>& rows) { return keep(rows); };
    std::array<char, kPiece> buffer;
    try {
      for (;;) {
        pollfd polled[2] = {{file_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR) return end(std::strerror(errno));
        if (polled[1].revents != 0) return;
        const ssize_t bytes = read(file_.get(), buffer.data(), buffer.size());
        if (bytes < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (bytes < 0) return end(std::strerror(errno));
        if (bytes == 0) {
          if (text_.finish(hand_over)) end({});
          return;
        }
        count(static_cast<std::size_t>(bytes));
        if (!text_.add({buffer.data(), static_cast<std::size_t>(bytes)}, hand_over)) return;
      }
    } catch (const std::exception& error) {
      end(error.what());
    }
  }

  void count(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    position_.bytes += bytes;
  }

  /// Waits for room. False when the reader is to stop.
  bool keep(std::deque<Row>& rows) {
    bool wake = false;
    {
      std::unique_lock lock(mutex_);
      room_.wait(lock, [this] {
        return stopped_ || (rows_.size() < kReadAhead && held_bytes_ < kReadAheadBytes);
      });
      if (stopped_) return false;
      position_.rows += rows.size();
      for (Row& row : rows) {
        held_bytes_ += row.bytes();
        rows_.push_back(std::move(row));
      }
      wake = asked_ && !rows_.empty();
      if (wake) asked_ = false;
    }
    rows.clear();
    if (wake) wake_();
    return true;
  }

  void end(std::string error) {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      position_.at_end = true;
      position_.rows += error.empty() ? 0 : 1;  // that is an item, too
      error_ = std::move(error);
    }
    wake_();
  }

  const UniqueFd file_;
  const UniqueFd stop_;
  const std::function<void()> wake_;
  ListText text_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable room_;
  std::deque<Row> rows_;
  std::size_t held_bytes_ = 0;
  Position position_;
  bool asked_ = false;
  bool ended_ = false;
  bool stopped_ = false;
  std::string error_;

  std::thread thread_;
};

/// Why a list is of no use, with the line that shows it.
[[noreturn]] void refuse(const List& list, const Row& row) {
  throw std::invalid_argument(fmt::format("{} ({}:{})", row.trouble, list.name(), row.number));
}

class ListSource final : public Source {
 public:
  ListSource(const List& list, UniqueFd file, std::uint64_t file_bytes,
             std::optional<std::size_t> limit, std::function<void()> wake)
      : list_(list),
        items_(list),
        file_bytes_(file_bytes),
        limit_(limit),
        reader_(std::move(file), format_of(list.path), items_.columns(), std::move(wake)) {}

  Next next() override {
    if (limit_ && index_ >= *limit_) return AtEnd{};
    if (rows_.empty()) {
      if (!more_) return at_end();
      reader_.take(rows_, more_, error_);
      if (rows_.empty()) return more_ ? Next(NotYet{}) : at_end();
    }
    Row row = std::move(rows_.front());
    rows_.pop_front();
    if (row.fatal) refuse(list_, row);
    Item item = items_.item_of(std::move(row));
    item.index = index_++;
    return item;
  }

  std::optional<std::size_t> size() const override {
    const auto items = expected();
    return items && items->exact ? std::optional<std::size_t>(items->items) : std::nullopt;
  }

  // The rest of the file is taken to be like what was read.
  std::optional<Expected> expected() const override {
    const Position read = reader_.position();
    Expected expected{read.rows, read.at_end};
    if (!read.at_end) {
      if (file_bytes_ == 0 || read.bytes == 0) return std::nullopt;
      const double share = static_cast<double>(file_bytes_) / static_cast<double>(read.bytes);
      expected.items = static_cast<std::uint64_t>(static_cast<double>(read.rows) * share);
    }
    if (limit_ && read.rows >= *limit_) return Expected{*limit_};
    if (limit_ && expected.items > *limit_) expected.items = *limit_;
    return expected;
  }

 private:
  Next at_end() {
    if (error_.empty()) return AtEnd{};
    Item item;
    item.index = index_++;
    item.key = list_.name();
    item.trouble = "the list could not be read to its end: " + std::exchange(error_, {});
    return item;
  }

  const List list_;
  const ListItems items_;
  const std::uint64_t file_bytes_;  // 0: not known
  const std::optional<std::size_t> limit_;
  std::deque<Row> rows_;
  bool more_ = true;
  std::string error_;
  std::uint64_t index_ = 0;
  RowReader reader_;
};

}  // namespace

std::unique_ptr<Source> from_list(const List& list, std::optional<std::size_t> limit,
                                  std::function<void()> wake) {
  UniqueFd file(list.path == "-" ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                 : open(list.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    throw std::runtime_error("cannot read the list '" + list.path + "': " + std::strerror(errno));
  struct stat status {};
  const bool known = fstat(file.get(), &status) == 0;
  if (known && S_ISDIR(status.st_mode)) return from_folder(list, limit, std::move(wake));
  const bool regular = known && S_ISREG(status.st_mode);
  return std::make_unique<ListSource>(list, std::move(file),
                                      regular ? static_cast<std::uint64_t>(status.st_size) : 0,
                                      limit, std::move(wake));
}

std::size_t count_items(const List& list, std::size_t most) {
  struct stat status {};
  const bool known = stat(list.path.c_str(), &status) == 0;
  if (known && S_ISDIR(status.st_mode)) return count_in_folder(list, most);
  ListText text(format_of(list.path), ListItems(list).columns());
  if (!known || !S_ISREG(status.st_mode)) return most;
  const UniqueFd file(open(list.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return most;
  std::size_t items = 0;
  const ListText::Take count = [&](std::deque<Row>& rows) {
    if (!rows.empty() && rows.front().fatal) refuse(list, rows.front());
    items += rows.size();
    rows.clear();
    return items < most;
  };
  std::array<char, kPiece> buffer;
  try {
    for (;;) {
      const ssize_t bytes = read(file.get(), buffer.data(), buffer.size());
      if (bytes < 0) return most;
      if (bytes == 0) break;
      if (!text.add({buffer.data(), static_cast<std::size_t>(bytes)}, count)) return most;
    }
    if (!text.finish(count)) return most;
  } catch (const std::runtime_error&) {
    ++items;  // that it goes no further is one, too
  }
  return std::min(items, most);
}

}  // namespace flagship::fetch
