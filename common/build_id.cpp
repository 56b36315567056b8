// SPDX-License-Identifier: MIT
#include "common/build_id.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "common/hex.hpp"

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

// The one in a segment of notes, raw; empty: there is none.
std::string build_id_in(std::string_view notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof note);
    const std::size_t name = sizeof note;
    const std::size_t body = name + ((std::size_t{note.n_namesz} + 3) & ~std::size_t{3});
    const std::size_t end = body + ((std::size_t{note.n_descsz} + 3) & ~std::size_t{3});
    if (body + note.n_descsz > notes.size()) break;
    if (note.n_type == NT_GNU_BUILD_ID &&
        notes.substr(name, note.n_namesz) == std::string_view("GNU", 4))
      return std::string(notes.substr(body, note.n_descsz));
    notes.remove_prefix(std::min(end, notes.size()));
  }
  return {};
}

std::string build_id_note(const dl_phdr_info& module) {
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = module.dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    const char* const at = reinterpret_cast<const char*>(module.dlpi_addr + part.p_vaddr);
    std::string id = build_id_in({at, part.p_memsz});
    if (!id.empty()) return id;
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

int visit_first(dl_phdr_info* module, std::size_t, void* id) {  // the executable comes first
  *static_cast<std::string*>(id) = to_hex(build_id_note(*module));
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

std::string build_id_of(const std::string& file) {
  constexpr std::size_t kMostNotes = 64 * 1024;
  std::ifstream in(file, std::ios::binary);
  ElfW(Ehdr) header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header)) return {};
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(ElfW(Phdr)))
    return {};
  for (int i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) part{};
    in.seekg(
        static_cast<std::streamoff>(header.e_phoff + static_cast<std::size_t>(i) * sizeof part));
    if (!in.read(reinterpret_cast<char*>(&part), sizeof part)) return {};
    if (part.p_type != PT_NOTE || part.p_filesz > kMostNotes) continue;
    std::string notes(part.p_filesz, '\0');
    in.seekg(static_cast<std::streamoff>(part.p_offset));
    if (!in.read(notes.data(), static_cast<std::streamsize>(notes.size()))) return {};
    if (const std::string id = build_id_in(notes); !id.empty()) return to_hex(id);
  }
  return {};
}

}  // namespace flagship::detail
