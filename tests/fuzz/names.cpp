// SPDX-License-Identifier: MIT
// Names of files, made of keys and URLs: a line each. Whatever they are, a file stays in its
// folder, and has its name for itself.
#include "master/fetch/names.hpp"

#include <algorithm>
#include <set>

#include "tests/fuzz/target.hpp"

namespace {

using flagship::fuzz::check;

void check_name(const std::string& name) {
  check(!name.empty() && name.size() <= 200, "from 1 to 200 bytes");
  check(name.front() != '.', "neither hidden, nor the folder, nor the one above");
  for (const char byte : name) {
    check(byte != '/' && byte != '\\', "no separator");
    check(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7F, "no control character");
  }
}

}  // namespace

FUZZ_TARGET(names) {
  using namespace flagship::fetch;
  const std::string name = safe_name(bytes);
  check_name(name);
  check(safe_name(name) == name, "a safe name is left as it is");
  Names names("{key}{ext}");
  Names patterned(std::string(bytes.substr(0, bytes.find('\n'))));
  std::set<std::string> taken, others;
  for (int lines = 0; !bytes.empty() && lines < 8; ++lines) {
    const std::string_view url = bytes.substr(0, bytes.find('\n'));
    bytes.remove_prefix(std::min(bytes.size(), url.size() + 1));
    const std::string key = stem_of(url);
    const std::string own = names.name_for(key, url);
    check_name(own);
    check(taken.insert(own).second, "no two items share a name");
    const std::string other = patterned.name_for(key, url);
    check_name(other);
    check(others.insert(other).second, "no two items share a name, whatever the template");
  }
}
