// SPDX-License-Identifier: MIT
#include "master/hosts/agent_program.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <system_error>

namespace flagship::hosts {
namespace {

constexpr const char* kThis = "/proc/self/exe";

}  // namespace

std::string AgentProgram::path() const {
  if (path_.empty()) return std::filesystem::read_symlink(kThis);
  return std::filesystem::absolute(path_);
}

std::string AgentProgram::name() const {
  std::string name = std::filesystem::path(path()).filename();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  return name;
}

int AgentProgram::file() {
  if (!file_) file_.reset(::open(path_.empty() ? kThis : path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file_) throw std::system_error(errno, std::generic_category(), "cannot read " + path());
  return file_.get();
}

std::size_t AgentProgram::size() {
  struct stat about {};
  if (fstat(file(), &about) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot read " + path());
  return static_cast<std::size_t>(about.st_size);
}

}  // namespace flagship::hosts
