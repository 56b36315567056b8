// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace flagship::detail {

/// Where an address lies: which loaded module, told apart by its build id, and how far into it.
struct ModuleAddress {
  std::uint64_t module_hash = 0;
  std::uint64_t offset = 0;
};

ModuleAddress locate(const void* address);

/// The build id of this executable in hex; of its path when the linker wrote none.
const std::string& build_id();
/// The same of an executable file; empty when it cannot be read, or has none.
std::string build_id_of(const std::string& file);

}  // namespace flagship::detail
