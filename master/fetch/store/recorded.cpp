// SPDX-License-Identifier: MIT
#include "master/fetch/store/recorded.hpp"

#include <utility>

#include "common/hex.hpp"
#include "master/fetch/store/file_state.hpp"
#include "master/fetch/store/schema.hpp"
#include "worker/fetch/text.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kPage = 1024;

}  // namespace

RecordedItems::RecordedItems(const std::filesystem::path& folder)
    : database_(open_record_to_read(folder)),
      page_(database_,
            "SELECT place, key, url, path, outcome, class, unfinished, bytes FROM item "
            "WHERE place >= ? ORDER BY place LIMIT ?") {}

std::optional<RecordedItem> RecordedItems::at(std::uint64_t place) {
  while (!items_.empty() && items_.front().place < place) items_.pop_front();
  if (items_.empty() && more_) read_page(place);
  if (items_.empty() || items_.front().place != place) return std::nullopt;
  RecordedItem item = std::move(items_.front());
  items_.pop_front();
  return item;
}

// No longer than a page at a time: a reader that stays keeps the writer's file from being put away.
void RecordedItems::read_page(std::uint64_t from) {
  page_.start(from, kPage);
  while (page_.step())
    items_.push_back({static_cast<std::uint64_t>(page_.integer(0)), page_.text(1), page_.text(2),
                      page_.text(3), page_.text(4), page_.text(5), page_.integer(6) != 0,
                      static_cast<std::uint64_t>(page_.integer(7))});
  more_ = items_.size() == kPage;
}

KnownFiles::KnownFiles(const std::filesystem::path& folder)
    : database_(open_record_to_read(folder)),
      file_(database_,
            "SELECT etag, last_modified, bytes, modified, sha256 FROM file "
            "WHERE path = ? AND url = ?"),
      any_(database_.integer("SELECT 1 FROM file LIMIT 1").has_value()) {}

void KnownFiles::add_conditions(Item& item) {
  if (!any_) return;
  const std::string url = shown_url(item.url);
  file_.start(name_in(item.path), url);
  if (!file_.step()) return;
  const auto state = state_of(item.path);
  const bool wanted = item.expected_sha256.empty() || file_.text(4) == to_hex(item.expected_sha256);
  const bool same =
      wanted && state && state->bytes == file_.integer(2) && state->modified == file_.integer(3);
  if (same) {
    item.etag = file_.text(0);
    item.last_modified = file_.text(1);
  }
  file_.reset();
}

}  // namespace flagship::fetch
