// SPDX-License-Identifier: MIT
#include "tests/chaos/sheet.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "common/os/unique_fd.hpp"

namespace flagship::chaos {
namespace {

[[noreturn]] void fail(const std::string& file) {
  throw std::system_error(errno, std::generic_category(), file);
}

}  // namespace

Sheet Sheet::create(const std::string& file, std::size_t rows) {
  const UniqueFd fd(open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(rows * sizeof(Row))) != 0) fail(file);
  return Sheet(file);
}

Sheet::Sheet(const std::string& file) {
  const UniqueFd fd(open(file.c_str(), O_RDWR | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0) fail(file);
  bytes_ = static_cast<std::size_t>(status.st_size);
  void* const at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) fail(file);
  rows_ = static_cast<Row*>(at);
}

Sheet::~Sheet() { munmap(rows_, bytes_); }

}  // namespace flagship::chaos
