// SPDX-License-Identifier: MIT
// Calls a fuzz target with each file that it is given, and each of a folder's:
//
//   fuzz_replay TARGET FILE_OR_FOLDER...
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

namespace flagship::fuzz {
namespace {

using std::filesystem::path;

std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> all;
  return all;
}

std::vector<path> files_of(const path& place) {
  if (!std::filesystem::is_directory(place)) return {place};
  std::vector<path> files;
  for (const auto& entry : std::filesystem::directory_iterator(place))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// On the heap and of the exact size, so that AddressSanitizer sees what reads behind it.
std::vector<char> content_of(const path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) std::fprintf(stderr, "cannot read %s\n", file.c_str()), std::exit(2);
  std::vector<char> content{std::istreambuf_iterator<char>(in), {}};
  content.shrink_to_fit();
  return content;
}

int replay(int argc, char** argv) {
  const auto target = argc < 2 ? targets().end() : targets().find(argv[1]);
  if (argc < 3 || target == targets().end()) {
    std::fprintf(stderr, "usage: fuzz_replay TARGET FILE_OR_FOLDER...\n");
    return 2;
  }
  int replayed = 0;
  for (int i = 2; i < argc; ++i) {
    for (const path& file : files_of(argv[i])) {
      std::printf("%s\n", file.c_str());
      std::fflush(stdout);  // the last line names what did not come back
      const std::vector<char> bytes = content_of(file);
      target->second({bytes.data(), bytes.size()});
      ++replayed;
    }
  }
  std::printf("%d files\n", replayed);
  return replayed > 0 ? 0 : 1;
}

}  // namespace

bool register_target(const char* name, Target target) {
  return targets().emplace(name, target).second;
}

}  // namespace flagship::fuzz

int main(int argc, char** argv) { return flagship::fuzz::replay(argc, argv); }
