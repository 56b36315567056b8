// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace flagship::wire {

/// An exception as bytes: its type's name, its message, and which standard exception it is.
std::string pack_exception(const std::exception_ptr& error);

/// The exception again: a standard one as itself, any other as RemoteError. Bytes that are none:
/// SerializationError.
std::exception_ptr unpack_exception(std::string_view bytes);

}  // namespace flagship::wire
