// SPDX-License-Identifier: MIT
// How a function becomes callable in another process. Naming a function in `submit<F>` instantiates
// a wrapper for it and registers that wrapper before main; FLAGSHIP_TASK gives one a name that
// other executables can use. A task's key on the wire is looked up in the table, never jumped to.
// The table is written before main and read-only after it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "flagship/serializer.hpp"

namespace flagship::detail {

/// Reads the arguments, calls, writes the result. What the call throws passes through; arguments
/// that cannot be read throw BadArguments.
using Invoke = void (*)(Reader& arguments, Writer& result);

struct BadArguments {
  std::string what;
};

struct Task {
  std::uint64_t key = 0;
  std::string name;  // as futures print it
  Invoke invoke = nullptr;
  std::string where;  // of named ones: file:line
};

/// The key of a task that has a name; its top bit is set.
std::uint64_t key_of(std::string_view name);
/// The key of a wrapper: its offset in its module, mixed with that module's build id.
std::uint64_t key_of(Invoke wrapper);

/// Both are called before main only. A name given twice to different functions ends the program,
/// naming both places.
bool register_task(Invoke wrapper, std::string_view name);
bool register_named(std::string_view name, Invoke wrapper, const char* file, int line);

/// Null when there is none.
const Task* find_task(std::uint64_t key);

template <class F>
struct Signature;
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = std::decay_t<R>;
  using Arguments = std::tuple<std::decay_t<A>...>;
  static constexpr bool takes_copies =
      ((!std::is_lvalue_reference_v<A> || std::is_const_v<std::remove_reference_t<A>>)&&...);
};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};

struct NoTask {};
template <>
struct Signature<NoTask> {
  using Result = void;
  using Arguments = std::tuple<>;
  static constexpr bool takes_copies = true;
};

// Functions as they are; captureless lambdas by what they convert to.
template <auto F>
constexpr auto function_pointer() {
  if constexpr (std::is_pointer_v<decltype(F)>) {
    return F;
  } else if constexpr (requires { +F; }) {
    return +F;
  } else {
    static_assert(
        never<decltype(F)>,
        "flagship: a task is a function, a static member function or a captureless lambda "
        "whose parameters have types");
    return NoTask{};
  }
}

template <auto F>
using signature_of = Signature<decltype(function_pointer<F>())>;
template <auto F>
using result_of = typename signature_of<F>::Result;
template <auto F>
using arguments_of = typename signature_of<F>::Arguments;

/// In functions of their own, as an assertion in a class makes clang stumble over the class, too.
template <auto F>
constexpr bool takes_copies() {
  constexpr bool copies = signature_of<F>::takes_copies;
  static_assert(copies,
                "flagship: a task cannot take a non-const reference; its argument is a copy in "
                "another process");
  return copies;
}

/// Whether F can be called with copies of these; if not, one sentence says why it does not compile.
template <auto F, class... A>
constexpr bool takes() {
  using Arguments = arguments_of<F>;
  if constexpr (std::is_same_v<decltype(function_pointer<F>()), NoTask> || !takes_copies<F>()) {
    return false;
  } else if constexpr (sizeof...(A) != std::tuple_size_v<Arguments>) {
    static_assert(never<Arguments>, "flagship: the function takes another number of arguments");
    return false;
  } else {
    constexpr bool convert = []<std::size_t... I>(std::index_sequence<I...>) {
      return (std::is_convertible_v<A, std::tuple_element_t<I, Arguments>> && ...);
    }
    (std::index_sequence_for<A...>{});
    static_assert(convert, "flagship: an argument does not convert to the function's parameter");
    return convert;
  }
}

/// A part of a call's arguments; what is wrong with it is BadArguments.
template <class T>
T read_part(Reader& in) {
  try {
    return in.get<T>();
  } catch (const std::exception& error) {
    throw BadArguments{error.what()};
  } catch (...) {
    throw BadArguments{"unknown exception"};
  }
}

inline void expect_end(const Reader& in) {
  if (in.left() > 0) throw BadArguments{"more came than the task takes: are these its types?"};
}

/// Calls F with copies where there can be copies, so that the call can be made again.
template <auto F>
result_of<F> call_again(arguments_of<F>& arguments) {
  if constexpr (std::is_copy_constructible_v<arguments_of<F>>) {
    auto copies = arguments;
    return std::apply(function_pointer<F>(), std::move(copies));
  } else {
    return std::apply(function_pointer<F>(), std::move(arguments));
  }
}

template <auto F>
void invoke(Reader& in, Writer& out) {
  auto arguments = read_part<arguments_of<F>>(in);
  expect_end(in);
  if constexpr (std::is_void_v<result_of<F>>) {
    std::apply(function_pointer<F>(), std::move(arguments));
  } else {
    out.put(std::apply(function_pointer<F>(), std::move(arguments)));
  }
}

/// The function's name as written, for printing only: it may be the same for two different
/// functions.
constexpr std::string_view display_name_in(std::string_view text) {
  const std::size_t from = text.find("F = ");
  if (from == std::string_view::npos) return "task";
  text.remove_prefix(from + 4);
  text = text.substr(0, text.find_first_of(";]"));
  if (text.starts_with('&')) text.remove_prefix(1);
  if (text.find("lambda") != std::string_view::npos) return "lambda";
  return text;
}

// "... [with auto F = square; ...]" or "... [F = &square]"
template <auto F>
constexpr std::string_view signature_with() {
  return __PRETTY_FUNCTION__;
}

template <auto F>
std::string_view display_name() {
  constexpr std::string_view name = display_name_in(signature_with<F>());
  return name;
}

template <auto F>
struct Registration {
  static inline const bool done = register_task(&invoke<F>, display_name<F>());
};

/// F's key; mentioning it is what registers F.
template <auto F>
std::uint64_t task_key() {
  (void)&Registration<F>::done;
  static const std::uint64_t key = key_of(&invoke<F>);
  return key;
}

}  // namespace flagship::detail

#define FLAGSHIP_DETAIL_JOIN2(a, b) a##b
#define FLAGSHIP_DETAIL_JOIN(a, b) FLAGSHIP_DETAIL_JOIN2(a, b)

/// FLAGSHIP_TASK("name", function) at namespace scope: gives the function a stable name for
/// `submit_named`. A semicolon may follow.
#define FLAGSHIP_TASK(name, ...)                                                                   \
  [[maybe_unused]] static const bool FLAGSHIP_DETAIL_JOIN(flagship_task_at_, __COUNTER__) =        \
      ::flagship::detail::register_named(name, &::flagship::detail::invoke<__VA_ARGS__>, __FILE__, \
                                         __LINE__);
