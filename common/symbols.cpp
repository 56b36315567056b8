// SPDX-License-Identifier: MIT
#include "common/symbols.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <string_view>

#include "common/os/unique_fd.hpp"
#include "common/type_name.hpp"

namespace flagship::detail {
namespace {

/// An ELF file in memory, of which nothing is believed.
class ElfFile {
 public:
  explicit ElfFile(const char* path) {
    const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0)
      return;
    const auto bytes = static_cast<std::size_t>(status.st_size);
    void* const start = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (start != MAP_FAILED) bytes_ = {static_cast<const char*>(start), bytes};
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;
  ~ElfFile() {
    if (!bytes_.empty()) munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  }

  /// Calls `see(symbol, name)` for each function that it names.
  template <class See>
  void each_function(See&& see) const {
    for (const ElfW(Shdr) & section : sections()) {
      if (section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) continue;
      if (section.sh_link >= sections().size()) continue;
      const ElfW(Shdr)& strings = sections()[section.sh_link];
      const std::span<const char> names = part<char>(strings.sh_offset, strings.sh_size);
      for (const ElfW(Sym) & symbol : part<ElfW(Sym)>(section.sh_offset, section.sh_size)) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_name >= names.size()) continue;
        const char* const name = names.data() + symbol.st_name;
        see(symbol, std::string_view(name, strnlen(name, names.size() - symbol.st_name)));
      }
    }
  }

 private:
  std::span<const ElfW(Shdr)> sections() const {
    const auto headers = part<ElfW(Ehdr)>(0, sizeof(ElfW(Ehdr)));
    if (headers.empty()) return {};
    const ElfW(Ehdr)& header = headers.front();
    constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != kClass ||
        header.e_shentsize != sizeof(ElfW(Shdr)))
      return {};
    return part<ElfW(Shdr)>(header.e_shoff, header.e_shnum * sizeof(ElfW(Shdr)));
  }

  /// As many T as fit in `bytes` from `offset`; none when that is not all within the file.
  template <class T>
  std::span<const T> part(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset > bytes_.size() || bytes > bytes_.size() - offset || offset % alignof(T) != 0)
      return {};
    return {reinterpret_cast<const T*>(bytes_.data() + offset), bytes / sizeof(T)};
  }

  std::string_view bytes_;
};

std::string readable(std::string_view mangled) {
  std::string name = demangle(std::string(mangled).c_str());
  // Parts that the compiler put elsewhere: "f() [clone .cold]".
  return name.substr(0, name.find(" [clone "));
}

std::string file_of(const link_map& module) {
  return *module.l_name != '\0' ? module.l_name : "/proc/self/exe";
}

std::string short_name(std::string path) {
  if (path.starts_with("/proc/")) {
    char target[4096];
    const ssize_t length = readlink(path.c_str(), target, sizeof target);
    if (length > 0) path.assign(target, static_cast<std::size_t>(length));
  }
  return path.substr(path.rfind('/') + 1);
}

void name_functions(const std::string& file, const std::vector<Symbol*>& places) {
  const std::string name = short_name(file);
  for (Symbol* const place : places) place->module = name;
  ElfFile(file.c_str()).each_function([&](const ElfW(Sym) & symbol, auto mangled) {
    for (Symbol* const place : places)
      if (place->function.empty() && place->offset - symbol.st_value < symbol.st_size)
        place->function = readable(mangled);
  });
}

}  // namespace

std::vector<Symbol> symbols_of(std::span<void* const> returns) {
  std::vector<Symbol> symbols(returns.size());
  std::map<const link_map*, std::vector<Symbol*>> modules;
  for (std::size_t i = 0; i < returns.size(); ++i) {
    // What it returns to may be the next function already.
    const char* const call = static_cast<const char*>(returns[i]) - 1;
    Dl_info info{};
    link_map* module = nullptr;
    symbols[i].offset = reinterpret_cast<std::uintptr_t>(call);
    if (dladdr1(call, &info, reinterpret_cast<void**>(&module), RTLD_DL_LINKMAP) == 0 || !module)
      continue;
    symbols[i].offset -= module->l_addr;
    modules[module].push_back(&symbols[i]);
  }
  for (const auto& [module, places] : modules) name_functions(file_of(*module), places);
  return symbols;
}

std::vector<Symbol> symbols_in(std::span<const FilePlace> places) {
  std::vector<Symbol> symbols(places.size());
  std::map<std::string, std::vector<Symbol*>> files;
  for (std::size_t i = 0; i < places.size(); ++i) {
    symbols[i].offset = places[i].offset;
    if (!places[i].file.empty()) files[places[i].file].push_back(&symbols[i]);
  }
  for (const auto& [file, inside] : files) name_functions(file, inside);
  return symbols;
}

}  // namespace flagship::detail
