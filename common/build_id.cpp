// SPDX-License-Identifier: MIT
#include "common/build_id.hpp"

#include <link.h>

#include <cstring>
#include <string_view>

namespace flagship::detail {
namespace {

struct Search {
  std::uintptr_t address = 0;
  std::uintptr_t base = 0;
  std::string id;  // raw bytes
  bool found = false;
};

bool holds(const dl_phdr_info& module, std::uintptr_t address) {
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = module.dlpi_phdr[i];
    const std::uintptr_t start = module.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= start && address < start + part.p_memsz) return true;
  }
  return false;
}

std::string build_id_note(const dl_phdr_info& module) {
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = module.dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(module.dlpi_addr + part.p_vaddr);
    const char* const end = at + part.p_memsz;
    while (at + sizeof(ElfW(Nhdr)) <= end) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const char* const name = at + sizeof note;
      const char* const body = name + ((note.n_namesz + 3u) & ~3u);
      if (note.n_type == NT_GNU_BUILD_ID &&
          std::string_view(name, note.n_namesz) == std::string_view("GNU", 4))
        return std::string(body, note.n_descsz);
      at = body + ((note.n_descsz + 3u) & ~3u);
    }
  }
  return module.dlpi_name != nullptr ? module.dlpi_name : "";
}

int visit(dl_phdr_info* module, std::size_t, void* search_of) {
  auto& search = *static_cast<Search*>(search_of);
  if (!holds(*module, search.address)) return 0;
  search.base = module->dlpi_addr;
  search.id = build_id_note(*module);
  search.found = true;
  return 1;
}

Search find(const void* address) {
  Search search;
  search.address = reinterpret_cast<std::uintptr_t>(address);
  dl_iterate_phdr(visit, &search);
  return search;
}

std::uint64_t hash(std::string_view bytes) {
  std::uint64_t value = 0xcbf29ce484222325ull;
  for (const char c : bytes) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return value;
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

int visit_first(dl_phdr_info* module, std::size_t, void* id) {  // the executable comes first
  *static_cast<std::string*>(id) = hex(build_id_note(*module));
  return 1;
}

}  // namespace

ModuleAddress locate(const void* address) {
  const Search search = find(address);
  return {hash(search.id), search.address - search.base};
}

const std::string& build_id() {
  static const std::string id = [] {
    std::string text;
    dl_iterate_phdr(visit_first, &text);
    return text;
  }();
  return id;
}

}  // namespace flagship::detail
