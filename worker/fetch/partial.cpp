// SPDX-License-Identifier: MIT
#include "worker/fetch/partial.hpp"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

namespace flagship::fetch {
namespace {

std::string hashed(std::string_view name) {
  std::uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

Partial named_for(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::size_t name = slash == std::string::npos ? 0 : slash + 1;
  const std::string stem = path.substr(0, name) + ".flagship-kept-" + hashed(path.substr(name));
  return {UniqueFd(), stem + ".part", stem + ".note", 0, {}};
}

// After a crash of the machine a file may hold blocks that were never written.
std::string boot() {
  static const std::string id = [] {
    std::string line;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id") >> std::ws, line);
    return line;
  }();
  return id;
}

// Whoever had the file before may have given it its final name between our open and our lock.
bool lock(Partial& partial) {
  struct stat ours {
  }, named{};
  return ::flock(partial.file.get(), LOCK_EX | LOCK_NB) == 0 &&
         ::fstat(partial.file.get(), &ours) == 0 && S_ISREG(ours.st_mode) &&
         ::stat(partial.data_file.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
         ours.st_dev == named.st_dev;
}

bool open_data(Partial& partial, int flags) {
  partial.file =
      UniqueFd(::open(partial.data_file.c_str(),
                      O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0666));
  return partial.file && lock(partial);
}

bool write_note(const std::string& file, const std::string& bytes) {
  ::unlink(file.c_str());
  const UniqueFd note(
      ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  return note &&
         ::write(note.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

std::optional<v1::FetchPartial> read_note(const std::string& file) {
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  v1::FetchPartial note;
  // One that is cut off lacks its last field.
  if (!note.ParseFromString(bytes.str()) || note.boot() != boot()) return std::nullopt;
  return note;
}

}  // namespace

std::string validator_of(const ResponseHead& head) {
  if (head.etag().starts_with('"')) return head.etag();
  const time_t changed = curl_getdate(head.last_modified().c_str(), nullptr);
  const time_t sent = curl_getdate(head.date().c_str(), nullptr);
  return changed >= 0 && sent > changed ? head.last_modified() : std::string();
}

std::optional<Partial> find_partial(const std::string& path, std::string_view url,
                                    std::uint64_t least) {
  Partial partial = named_for(path);
  if (!open_data(partial, 0)) return std::nullopt;
  const auto note = read_note(partial.note_file);
  struct stat now {};
  if (!note || note->url() != url || ::fstat(partial.file.get(), &now) != 0) return std::nullopt;
  partial.size = static_cast<std::uint64_t>(now.st_size);
  partial.validator = note->validator();
  if (partial.size < least || partial.validator.empty()) return std::nullopt;
  return partial;
}

std::optional<Partial> begin_partial(const std::string& path, std::string_view url,
                                     std::string_view validator) {
  Partial partial = named_for(path);
  v1::FetchPartial note;
  note.set_url(std::string(url));
  note.set_validator(std::string(validator));
  note.set_boot(boot());
  if (!open_data(partial, O_CREAT)) return std::nullopt;
  // The old note goes before the old bytes do, and the new one comes before the new bytes.
  ::unlink(partial.note_file.c_str());
  if (::ftruncate(partial.file.get(), 0) == 0 &&
      write_note(partial.note_file, note.SerializeAsString()))
    return partial;
  remove_partial(partial);
  return std::nullopt;
}

void remove_partial(const Partial& partial) {
  ::unlink(partial.note_file.c_str());
  ::unlink(partial.data_file.c_str());
}

}  // namespace flagship::fetch
