// SPDX-License-Identifier: MIT
// The symbol table of a file that a dead worker has named: it may be one that it wrote itself. The
// first four bytes are the place that is looked up.
#include "common/symbols.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/trace_text.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using flagship::fuzz::check;

/// A file without a name, which is written over again and again.
class Scratch {
 public:
  Scratch() : fd_(memfd_create("fuzz", MFD_CLOEXEC)) { check(fd_ >= 0, "there is a file"); }
  void hold(std::string_view bytes) const {
    const auto size = static_cast<off_t>(bytes.size());
    check(pwrite(fd_, bytes.data(), bytes.size(), 0) == size && ftruncate(fd_, size) == 0,
          "it is written");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

FUZZ_TARGET(symbols) {
  using namespace flagship::detail;
  static const Scratch file;
  const std::uint64_t offset = flagship::fuzz::take<std::uint32_t>(bytes);
  file.hold(bytes);
  const std::array<FilePlace, 3> places{{{file.path(), offset}, {file.path(), ~offset}, {}}};
  const std::vector<Symbol> symbols = symbols_in(places);
  check(symbols.size() == places.size(), "each place has an answer");
  check(symbols[0].offset == offset, "an answer is about its place");
  for (const Symbol& symbol : symbols) flagship::fuzz::touch(symbol.function);
  check(trace_text(symbols, "task").size() <= 8 * 1024, "what is told of them is bounded");
}
