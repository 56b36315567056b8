// SPDX-License-Identifier: MIT
#include "master/fetch/appended_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace flagship::fetch {
namespace {

constexpr std::size_t kTogether = 64 * 1024;

}  // namespace

AppendedFile::AppendedFile(std::string what, std::string path)
    : what_(std::move(what)),
      path_(std::move(path)),
      file_(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) {
  if (!file_)
    throw std::runtime_error("cannot write the " + what_ + " '" + path_ +
                             "': " + std::strerror(errno));
}

void AppendedFile::add(std::string_view record) {
  if (!trouble_.empty()) return;
  records_ += record;
  if (records_.size() >= kTogether) flush();
}

void AppendedFile::flush() {
  const std::string records = std::exchange(records_, {});
  if (records.empty() || !trouble_.empty()) return;
  const ssize_t written = ::write(file_.get(), records.data(), records.size());
  if (written == static_cast<ssize_t>(records.size())) return;
  const std::string why = written < 0 ? std::strerror(errno) : "there is no room";
  trouble_ = "The " + what_ + " '" + path_ + "' is not complete: " + why + ".";
}

}  // namespace flagship::fetch
