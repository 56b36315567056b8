// SPDX-License-Identifier: MIT
#include "worker/fetch/shards.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "common/hex.hpp"
#include "worker/fetch/file_sink.hpp"
#include "worker/fetch/shard_files.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kHeldAtMost = 1024 * 1024;

la_ssize_t append(archive*, void* buffer, const void* bytes, std::size_t size) {
  static_cast<std::string*>(buffer)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

// One a body: nearly all texts are their own spelling, and making a tree of them costs more than
// all else that a shard does.
void add_text(std::string& json, std::string_view name, std::string_view value) {
  json += json.empty() ? "{\"" : ",\"";
  json += name;
  json += "\":";
  if (is_plain(value) && value.find_first_of("\"\\") == std::string_view::npos) {
    (json += '"') += value;
    json += '"';
  } else {
    json += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

void add_number(std::string& json, std::string_view name, std::uint64_t value) {
  ((json += ",\"") += name) += "\":";
  json += std::to_string(value);
}

// "a.json" of "a.gif"; a body that is called so itself gets another's name.
std::string note_name(const std::string& name) {
  const auto slash = name.rfind('/');
  const auto dot = name.rfind('.');
  const bool has_extension =
      dot != std::string::npos && dot != 0 && (slash == std::string::npos || dot > slash + 1);
  const std::string stem = has_extension ? name.substr(0, dot) : name;
  const std::string note = stem + ".json";
  return note == name ? stem + ".meta.json" : note;
}

}  // namespace

void Shards::Free::operator()(archive* tar) const { archive_write_free(tar); }
void Shards::Free::operator()(archive_entry* entry) const { archive_entry_free(entry); }

Shards::Shards(std::string folder, std::uint64_t bytes, v1::Fsync fsync)
    : folder_(std::move(folder)), bytes_(bytes), fsync_(fsync), entry_(archive_entry_new()) {
  if (!entry_) throw std::bad_alloc();
}

Shards::~Shards() {
  if (file_) finish();
}

// A number is taken by making the temporary file, and given back when a complete shard has it.
bool Shards::open() {
  for (;;) {
    const unsigned number = next_++;
    temporary_ = folder_ + "/" + unfinished_shard(number);
    UniqueFd file(::open(temporary_.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (!file && errno == EEXIST) continue;
    if (!file) return fail("cannot create a shard in");
    name_ = finished_shard(number);
    if (::access((folder_ + "/" + name_).c_str(), F_OK) == 0) {
      ::unlink(temporary_.c_str());
      continue;
    }
    ::flock(file.get(), LOCK_EX | LOCK_NB);  // tells that its writer lives
    file_ = std::move(file);
    written_ = good_ = 0;
    return begin_tar();
  }
}

// A tar file is entries, one behind the other: it may be gone on with by another writer.
bool Shards::begin_tar() {
  tar_.reset();
  buffer_.clear();
  tar_.reset(archive_write_new());
  if (!tar_) throw std::bad_alloc();
  archive_write_set_format_gnutar(tar_.get());
  archive_write_set_bytes_per_block(tar_.get(), 0);
  if (archive_write_open(tar_.get(), &buffer_, nullptr, &append, nullptr) == ARCHIVE_OK)
    return true;
  errno = archive_errno(tar_.get());
  return fail("cannot begin a shard in");
}

bool Shards::add(const std::string& name, std::uint64_t size, std::string_view note,
                 const Body& body) {
  error_.clear();
  if (written_ + buffer_.size() >= bytes_ && file_ && !(flush() && finish())) return false;
  if (!file_ && !open()) return false;
  const std::uint64_t begin = written_ + buffer_.size();
  const auto tell_note = [note](const Take& take) { return take(note); };
  if (add_entry(name, size, body) && add_entry(note_name(name), note.size(), tell_note))
    return true;
  take_back(begin);
  return false;
}

bool Shards::add_entry(const std::string& name, std::uint64_t size, const Body& body) {
  archive_entry* const entry = archive_entry_clear(entry_.get());
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_size(entry, static_cast<la_int64_t>(size));
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_mtime(entry, std::time(nullptr), 0);
  if (archive_write_header(tar_.get(), entry) < ARCHIVE_WARN) {
    errno = archive_errno(tar_.get());
    return fail("cannot write a shard in");
  }
  const bool told = body([this](std::string_view bytes) {
    const auto put = archive_write_data(tar_.get(), bytes.data(), bytes.size());
    return put == static_cast<la_ssize_t>(bytes.size()) &&
           (buffer_.size() < kHeldAtMost || write_out());
  });
  if (told && archive_write_finish_entry(tar_.get()) == ARCHIVE_OK) return true;
  return error_.empty() ? fail("cannot write a shard in") : false;
}

bool Shards::write_out() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t put = ::write(file_.get(), buffer_.data() + done, buffer_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) break;
    done += static_cast<std::size_t>(put);
  }
  const bool all = done == buffer_.size() || fail("cannot write a shard in");
  written_ += done;
  buffer_.erase(0, done);
  return all;
}

bool Shards::flush() {
  if (!pending()) return true;
  error_.clear();
  const bool synced = fsync_ != v1::FSYNC_NONE;
  if (write_out() && (!synced || ::fdatasync(file_.get()) == 0)) {
    good_ = written_;
    return true;
  }
  if (error_.empty()) fail("cannot write a shard in");
  take_back(good_);
  return false;
}

// The file, with what is in memory behind it, ends at `end`, and the next entry goes there.
void Shards::take_back(std::uint64_t end) {
  std::string kept = written_ < end ? buffer_.substr(0, end - written_) : std::string();
  if (written_ > end) {
    [[maybe_unused]] const int cut = ::ftruncate(file_.get(), static_cast<off_t>(end));
    written_ = end;
  }
  begin_tar();
  buffer_ = std::move(kept);
}

// What cannot be completed is left to `recover_shards()`: others may count on what is in it.
bool Shards::finish() {
  archive_write_close(tar_.get());
  const bool written = write_out() && (fsync_ == v1::FSYNC_NONE || ::fdatasync(file_.get()) == 0);
  tar_.reset();
  buffer_.clear();
  file_.reset();
  if (good_ == 0) return ::unlink(temporary_.c_str()) == 0;
  return (written && complete_shard(folder_, temporary_, name_)) ||
         fail("cannot complete a shard in");
}

bool Shards::fail(std::string_view what) {
  error_ = std::string(what) + " " + printable(folder_, 200) + ": " +
           std::generic_category().message(errno);
  return false;
}

std::string note_in_shard(const std::string& url, const v1::FetchResult& result) {
  std::string note;
  add_text(note, "url", url);
  add_number(note, "status", result.status());
  add_number(note, "bytes", result.bytes());
  add_text(note, "sha256", to_hex(result.sha256()));
  add_text(note, "type", result.type());
  if (!result.etag().empty()) add_text(note, "etag", result.etag());
  if (!result.last_modified().empty()) add_text(note, "last_modified", result.last_modified());
  if (!result.final_url().empty()) add_text(note, "final_url", result.final_url());
  note += '}';
  return note;
}

}  // namespace flagship::fetch
