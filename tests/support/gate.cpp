// SPDX-License-Identifier: MIT
#include "tests/support/gate.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "tests/support/patience.hpp"

namespace flagship::test {

namespace fs = std::filesystem;

Folder::Folder() : path_((fs::temp_directory_path() / "flagship-test-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make " + path_);
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Gate::open() const { std::ofstream(path()).put('.'); }

void pass(const std::string& gate) {
  const std::string folder = fs::path(gate).parent_path();
  while (access(gate.c_str(), F_OK) != 0 && access(folder.c_str(), F_OK) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::size_t count_up(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, ".", 1) != 1)
    throw std::system_error(errno, std::generic_category(), "cannot write " + file);
  const off_t end = lseek(fd, 0, SEEK_CUR);
  close(fd);
  return static_cast<std::size_t>(end) - 1;
}

std::size_t counted(const std::string& file) {
  std::error_code missing;
  const auto size = fs::file_size(file, missing);
  return missing ? 0 : static_cast<std::size_t>(size);
}

}  // namespace flagship::test
