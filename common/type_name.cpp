// SPDX-License-Identifier: MIT
#include "common/type_name.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <typeinfo>

namespace flagship::detail {

std::string demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  std::string name = status == 0 && text ? text.get() : mangled;
  // The library's own spelling of a user's std::string helps nobody.
  for (std::size_t at; (at = name.find("std::__cxx11::")) != std::string::npos;)
    name.erase(at + 5, 9);
  constexpr std::string_view kAbi = "[abi:cxx11]";
  for (std::size_t at; (at = name.find(kAbi)) != std::string::npos;) name.erase(at, kAbi.size());
  constexpr std::string_view kString =
      "std::basic_string<char, std::char_traits<char>, std::allocator<char> >";
  for (std::size_t at; (at = name.find(kString)) != std::string::npos;)
    name.replace(at, kString.size(), "std::string");
  return name;
}

std::string current_exception_type_name() {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  return type != nullptr ? demangle(type->name()) : "unknown";
}

}  // namespace flagship::detail
