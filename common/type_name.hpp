// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace flagship::detail {

std::string demangle(const char* mangled);
/// Of the exception that is being handled, whatever it is.
std::string current_exception_type_name();

}  // namespace flagship::detail
