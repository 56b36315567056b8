// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace flagship::wire {

/// An exception as bytes: its type's name, its message, where it was thrown, and what it takes to
/// make it again.
std::string pack_exception(const std::exception_ptr& error);

struct Raised {
  std::exception_ptr error;
  std::string backtrace{};
};

/// The exception again: a standard or registered one as itself, any other as RemoteError. Bytes
/// that are none: SerializationError.
Raised unpack_raised(std::string_view bytes);
std::exception_ptr unpack_exception(std::string_view bytes);

/// Without making it: its message; "type: message".
std::string packed_message(std::string_view bytes);
std::string describe_packed(std::string_view bytes);

}  // namespace flagship::wire
