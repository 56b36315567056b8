// SPDX-License-Identifier: MIT
// How exceptions of your own keep their type on the way home from a worker:
//
//   struct OutOfPaper : std::runtime_error { using std::runtime_error::runtime_error; };
//   FLAGSHIP_EXCEPTION(OutOfPaper)
//
// The exception is made again by `flagship::serializer<T>`, which stands before the macro, or if T
// travels without one as it is; else from its `what()`. Standard exceptions need none of this. An
// exception whose own type, not only a base of it, is not registered arrives as RemoteError; so
// does one whose making again throws. The table is written before main and read-only after it.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "flagship/serializer.hpp"
#include "flagship/task.hpp"

namespace flagship::detail {

/// How exceptions of one type travel.
struct ExceptionKind {
  const std::type_info* type = nullptr;
  /// Appends what `what()` does not say.
  void (*write)(const std::exception_ptr& error, std::string& value) = nullptr;
  std::exception_ptr (*remake)(const std::string& what, std::string_view value) = nullptr;
  std::string where{};  // file:line
};

/// Before main only. Two types of one name, as in the anonymous namespaces of two files, end the
/// program, naming both places; one type given twice is well.
bool register_exception(ExceptionKind kind);

/// Null when it is not registered.
const ExceptionKind* find_exception(const std::type_info& type);
const ExceptionKind* find_exception(const std::string& mangled_name);

/// The same text for ever, for types that keep only a pointer.
const char* kept_text(const std::string& text);

template <class T>
concept travels_whole = !requires {
  typename serializer<T>::general;
}
|| plain<T> || protobuf_message<T> || std::is_same_v<T, std::string> || tieable<T>;

template <class T>
void write_exception(const std::exception_ptr& error, std::string& value) {
  if constexpr (travels_whole<T>) {
    try {
      std::rethrow_exception(error);
    } catch (const T& thrown) {
      Writer(value).put(thrown);
    }
  }
}

template <class T>
std::exception_ptr remake_exception(const std::string& what, std::string_view value) {
  if constexpr (travels_whole<T>) {
    Reader in(value);
    T made = in.get<T>();
    if (in.left() > 0) throw SerializationError("more came than its serializer reads");
    return std::make_exception_ptr<T>(std::move(made));
  } else if constexpr (std::is_constructible_v<T, const std::string&>) {
    return std::make_exception_ptr<T>(T(what));
  } else if constexpr (std::is_constructible_v<T, const char*>) {
    return std::make_exception_ptr<T>(T(kept_text(what)));
  } else if constexpr (std::is_default_constructible_v<T>) {
    return std::make_exception_ptr<T>(T());
  } else {
    static_assert(never<T>,
                  "flagship: FLAGSHIP_EXCEPTION cannot make this exception again; give it a "
                  "flagship::serializer<T>, or a constructor from a std::string, a const char* or "
                  "nothing");
  }
}

template <class T>
bool register_exception(const char* file, int line) {
  static_assert(std::is_same_v<T, std::decay_t<T>> && std::is_copy_constructible_v<T>,
                "flagship: FLAGSHIP_EXCEPTION takes a type that can be thrown and copied");
  return register_exception({&typeid(T), write_exception<T>, remake_exception<T>,
                             std::string(file) + ":" + std::to_string(line)});
}

}  // namespace flagship::detail

/// FLAGSHIP_EXCEPTION(Type) at namespace scope: exceptions of that type arrive as what they are. A
/// semicolon may follow.
#define FLAGSHIP_EXCEPTION(...)                                                                  \
  [[maybe_unused]] static const bool FLAGSHIP_DETAIL_JOIN(flagship_exception_at_, __COUNTER__) = \
      ::flagship::detail::register_exception<__VA_ARGS__>(__FILE__, __LINE__);
