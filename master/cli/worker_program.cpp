// SPDX-License-Identifier: MIT
#include "master/cli/worker_program.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace flagship::cli {
namespace {

namespace fs = std::filesystem;

std::string usable(const fs::path& program) {
  std::error_code error;
  const bool file = fs::is_regular_file(program, error);
  if (file && access(program.c_str(), X_OK) == 0) return program;
  const std::string why = error ? error.message() : !file ? "it is no file" : std::strerror(errno);
  throw std::runtime_error("the worker program '" + program.string() + "' cannot be run: " + why);
}

}  // namespace

std::string worker_program(const std::string& asked) {
  if (!asked.empty()) return usable(asked);
  if (const char* variable = std::getenv("FLAGSHIP_WORKER");
      variable != nullptr && *variable != '\0')
    return usable(variable);
  std::error_code ignored;
  const fs::path here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const fs::path installed = (here / FLAGSHIP_WORKER_FROM_BIN).lexically_normal();
  if (fs::exists(installed, ignored)) return usable(installed);
  return usable(here / "flagship-worker");
}

}  // namespace flagship::cli
