// SPDX-License-Identifier: MIT
#include "common/wire/raised.hpp"

#include <cxxabi.h>

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <variant>

#include "common/throw_trace.hpp"
#include "common/type_name.hpp"
#include "flagship/detail/chunk.hpp"
#include "flagship/error.hpp"
#include "flagship/exception.hpp"
#include "flagship/v1/wire.pb.h"

namespace flagship::wire {
namespace {

using Remake = std::exception_ptr (*)(const std::string& what, Reader& value);
/// Appends what `what()` does not say; false: it cannot be said.
using Write = bool (*)(const std::exception& error, Writer& value);

/// An exception that the standard library makes without a message of ours keeps its type only.
template <class E>
std::exception_ptr remake(const std::string& what, Reader&) {
  if constexpr (std::is_constructible_v<E, const std::string&>)
    return std::make_exception_ptr(E(what));
  else
    return std::make_exception_ptr(E());
}

// ---- exceptions with a code ---------------------------------------------------------------------

// The position is the number on the wire: append only.
constexpr const std::error_category& (*kCategories[])() noexcept = {
    std::generic_category, std::system_category, std::iostream_category, std::future_category};

std::optional<std::uint8_t> category_number(const std::error_category& category) {
  std::uint8_t number = 0;
  for (const auto& known : kCategories) {
    if (known() == category) return number;
    ++number;
  }
  return std::nullopt;
}

/// What the thrower said before the code's own message; nothing: nothing.
std::optional<std::string> said(const std::system_error& error) {
  std::string what = error.std::runtime_error::what();
  const std::string message = error.code().message();
  if (what == message) return std::nullopt;
  const std::string tail = ": " + message;
  if (what.ends_with(tail)) what.resize(what.size() - tail.size());
  return what;
}

bool write_code(const std::exception& error, Writer& out) {
  const auto& coded = dynamic_cast<const std::system_error&>(error);
  const auto category = category_number(coded.code().category());
  if (!category) return false;  // of the program's own
  out.put(*category);
  out.put(coded.code().value());
  out.put(said(coded));
  return true;
}

struct Code {
  std::error_code code;
  std::optional<std::string> said;
};

Code read_code(Reader& in) {
  const auto category = in.get<std::uint8_t>();
  const int value = in.get<int>();
  if (category >= std::size(kCategories)) throw SerializationError("its code is of no category");
  return {std::error_code(value, kCategories[category]()), in.get<std::optional<std::string>>()};
}

std::exception_ptr remake_system(const std::string&, Reader& in) {
  const Code code = read_code(in);
  return std::make_exception_ptr(code.said ? std::system_error(code.code, *code.said)
                                           : std::system_error(code.code));
}

std::exception_ptr remake_ios_failure(const std::string&, Reader& in) {
  const Code code = read_code(in);
  return std::make_exception_ptr(std::ios_base::failure(code.said.value_or(""), code.code));
}

bool write_filesystem(const std::exception& error, Writer& out) {
  const auto& failed = dynamic_cast<const std::filesystem::filesystem_error&>(error);
  out.put(failed.path1().native());
  out.put(failed.path2().native());
  return write_code(error, out);
}

std::exception_ptr remake_filesystem(const std::string&, Reader& in) {
  using Failed = std::filesystem::filesystem_error;
  const auto first = in.get<std::string>();
  const auto second = in.get<std::string>();
  const Code code = read_code(in);
  const std::string text = code.said.value_or("");
  if (!second.empty()) return std::make_exception_ptr(Failed(text, first, second, code.code));
  if (!first.empty()) return std::make_exception_ptr(Failed(text, first, code.code));
  return std::make_exception_ptr(Failed(text, code.code));
}

bool write_future(const std::exception& error, Writer& out) {
  const auto& failed = dynamic_cast<const std::future_error&>(error);
  if (failed.code().category() != std::future_category()) return false;
  out.put(failed.code().value());
  return true;
}

std::exception_ptr remake_future(const std::string&, Reader& in) {
  return std::make_exception_ptr(std::future_error(static_cast<std::future_errc>(in.get<int>())));
}

bool write_regex(const std::exception& error, Writer& out) {
  out.put(static_cast<int>(dynamic_cast<const std::regex_error&>(error).code()));
  return true;
}

/// Its code is what can be handed in: the message is then the code's, which says a little less.
std::exception_ptr remake_regex(const std::string&, Reader& in) {
  const int code = in.get<int>();
  // A value that the enumeration does not have would be undefined behaviour.
  if (code < 0 || code > std::regex_constants::error_stack)
    throw SerializationError("its code is none of a regular expression's");
  return std::make_exception_ptr(
      std::regex_error(static_cast<std::regex_constants::error_type>(code)));
}

// ---- which exception it is ----------------------------------------------------------------------

struct Standard {
  const std::type_info& type;
  Remake remake;
  Write write = nullptr;
};

// The position is the number on the wire, from 1: append only.
const Standard kStandards[] = {
    {typeid(std::logic_error), remake<std::logic_error>},
    {typeid(std::invalid_argument), remake<std::invalid_argument>},
    {typeid(std::domain_error), remake<std::domain_error>},
    {typeid(std::length_error), remake<std::length_error>},
    {typeid(std::out_of_range), remake<std::out_of_range>},
    {typeid(std::runtime_error), remake<std::runtime_error>},
    {typeid(std::range_error), remake<std::range_error>},
    {typeid(std::overflow_error), remake<std::overflow_error>},
    {typeid(std::underflow_error), remake<std::underflow_error>},
    {typeid(std::bad_alloc), remake<std::bad_alloc>},
    {typeid(std::bad_array_new_length), remake<std::bad_array_new_length>},
    {typeid(std::bad_cast), remake<std::bad_cast>},
    {typeid(std::bad_typeid), remake<std::bad_typeid>},
    {typeid(std::bad_any_cast), remake<std::bad_any_cast>},
    {typeid(std::bad_optional_access), remake<std::bad_optional_access>},
    {typeid(std::bad_variant_access), remake<std::bad_variant_access>},
    {typeid(std::bad_function_call), remake<std::bad_function_call>},
    {typeid(std::bad_weak_ptr), remake<std::bad_weak_ptr>},
    {typeid(std::exception), remake<std::exception>},
    {typeid(Error), remake<Error>},
    {typeid(CancelledError), remake<CancelledError>},
    {typeid(TimeoutError), remake<TimeoutError>},
    {typeid(TaskTimeout), remake<TaskTimeout>},
    {typeid(InvalidStateError), remake<InvalidStateError>},
    {typeid(BrokenPromise), remake<BrokenPromise>},
    {typeid(UnknownTask), remake<UnknownTask>},
    {typeid(SerializationError), remake<SerializationError>},
    {typeid(BrokenExecutor), remake<BrokenExecutor>},
    {typeid(BrokenProcessPool), remake<BrokenProcessPool>},
    {typeid(ShutdownError), remake<ShutdownError>},
    {typeid(std::bad_exception), remake<std::bad_exception>},
    {typeid(std::system_error), remake_system, write_code},
    {typeid(std::filesystem::filesystem_error), remake_filesystem, write_filesystem},
    {typeid(std::ios_base::failure), remake_ios_failure, write_code},
    {typeid(std::future_error), remake_future, write_future},
    {typeid(std::regex_error), remake_regex, write_regex},
};

/// What streams throw is of a class of libstdc++'s own.
const std::type_info& standard_type(const std::type_info& type) {
  return std::string_view(type.name()) == "St13__ios_failure" ? typeid(std::ios_base::failure)
                                                              : type;
}

std::uint32_t standard_number(const std::type_info& type) {
  std::uint32_t number = 1;
  for (const Standard& standard : kStandards) {
    if (standard.type == type) return number;
    ++number;
  }
  return 0;
}

// ---- packing ------------------------------------------------------------------------------------

/// The message, and those of the exceptions that are nested in it.
std::string text_of(const std::exception& error) {
  std::string text = error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += "; because of " + detail::current_exception_type_name() + ": " + text_of(cause);
  } catch (...) {
    text += "; because of " + detail::current_exception_type_name();
  }
  return text;
}

/// Of the exception that is being handled and is no std::exception.
std::string text_of_current() {
  try {
    throw;
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text != nullptr ? text : "null";
  } catch (int number) {
    return std::to_string(number);
  } catch (long number) {
    return std::to_string(number);
  } catch (unsigned number) {
    return std::to_string(number);
  } catch (unsigned long number) {
    return std::to_string(number);
  } catch (...) {
    return "an exception that is not a std::exception";
  }
}

void pack_standard(const std::exception& error, v1::RaisedError& raised) {
  const std::type_info& type = standard_type(typeid(error));
  const std::uint32_t number = standard_number(type);
  if (number == 0) return;
  raised.set_type_name(detail::demangle(type.name()));
  const Write write = kStandards[number - 1].write;
  Writer value(*raised.mutable_value());
  if (write == nullptr || write(error, value)) raised.set_standard(number);
}

void pack_registered(const std::exception_ptr& error, v1::RaisedError& raised) {
  const auto* const kind = detail::find_exception(*abi::__cxa_current_exception_type());
  if (kind == nullptr) return;
  try {
    std::string value;
    kind->write(error, value);
    raised.set_value(std::move(value));
    raised.set_registered(kind->type->name());
  } catch (...) {  // then its name and message have to do
  }
}

// ---- making it again ----------------------------------------------------------------------------

std::exception_ptr remote_error(const v1::RaisedError& raised, const std::string& but = {}) {
  return std::make_exception_ptr(
      RemoteError(raised.type_name(), raised.what() + but, raised.backtrace()));
}

std::exception_ptr made_again(const v1::RaisedError& raised) {
  try {
    if (raised.standard() > 0 && raised.standard() <= std::size(kStandards)) {
      Reader value(raised.value());
      return kStandards[raised.standard() - 1].remake(raised.what(), value);
    }
    if (!raised.registered().empty())
      if (const auto* const kind = detail::find_exception(raised.registered()))
        return kind->remake(raised.what(), raised.value());
  } catch (const std::exception& error) {
    return remote_error(raised, std::string(" (it could not be made again: ") + error.what() + ")");
  } catch (...) {
    return remote_error(raised, " (it could not be made again)");
  }
  return remote_error(raised);
}

std::optional<v1::RaisedError> parsed(std::string_view bytes) {
  v1::RaisedError raised;
  if (bytes.size() > 0x7FFFFFFF ||
      !raised.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::nullopt;
  return raised;
}

}  // namespace

std::string pack_exception(const std::exception_ptr& error) {
  v1::RaisedError raised;
  raised.set_backtrace(detail::backtrace_of(error));  // first: what follows throws too
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& remote) {  // of a pool that the task itself used
    raised.set_type_name(remote.type_name());
    raised.set_what(remote.message());
    if (!remote.backtrace().empty()) raised.set_backtrace(remote.backtrace());
  } catch (const std::exception& known) {
    raised.set_type_name(detail::current_exception_type_name());
    raised.set_what(known.what());
    pack_standard(known, raised);
    if (raised.standard() == 0) pack_registered(error, raised);
    if (raised.standard() == 0 && raised.registered().empty()) raised.set_what(text_of(known));
  } catch (...) {
    raised.set_type_name(detail::current_exception_type_name());
    raised.set_what(text_of_current());
    pack_registered(error, raised);
  }
  return raised.SerializeAsString();
}

Raised unpack_raised(std::string_view bytes) {
  const auto raised = parsed(bytes);
  if (raised) return {made_again(*raised), raised->backtrace()};
  return {std::make_exception_ptr(SerializationError("the task's exception could not be read")),
          {}};
}

std::exception_ptr unpack_exception(std::string_view bytes) { return unpack_raised(bytes).error; }

std::string packed_message(std::string_view bytes) {
  const auto raised = parsed(bytes);
  return raised ? raised->what() : "it could not be read";
}

std::string describe_packed(std::string_view bytes) {
  const auto raised = parsed(bytes);
  return raised ? raised->type_name() + ": " + raised->what() : "what could not be read";
}

}  // namespace flagship::wire

namespace flagship::detail {

std::string pack_exception(const std::exception_ptr& error) { return wire::pack_exception(error); }
std::exception_ptr unpack_exception(std::string_view bytes) {
  return wire::unpack_exception(bytes);
}

}  // namespace flagship::detail
