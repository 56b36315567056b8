// SPDX-License-Identifier: MIT
#include "common/wire/raised.hpp"

#include <any>
#include <functional>
#include <future>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <typeinfo>
#include <variant>

#include "common/type_name.hpp"
#include "flagship/detail/chunk.hpp"
#include "flagship/error.hpp"
#include "flagship/v1/wire.pb.h"

namespace flagship::wire {
namespace {

/// An exception that the standard library makes without a message of ours keeps its type only.
template <class E>
std::exception_ptr remake(const std::string& what) {
  if constexpr (std::is_constructible_v<E, const std::string&>)
    return std::make_exception_ptr(E(what));
  else
    return std::make_exception_ptr(E());
}

struct Standard {
  const std::type_info& type;
  std::exception_ptr (*remake)(const std::string&);
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
};

std::uint32_t standard_number(const std::type_info& type) {
  std::uint32_t number = 1;
  for (const Standard& standard : kStandards) {
    if (standard.type == type) return number;
    ++number;
  }
  return 0;
}

// system_error's message is remade from its code; what the thrower said before ": " goes in front
// again.
void pack_code(const std::system_error& error, v1::RaisedError& raised) {
  const auto& category = error.code().category();
  if (category != std::generic_category() && category != std::system_category()) return;
  if (typeid(error) != typeid(std::system_error)) return;
  raised.set_errno_value(error.code().value());
  raised.set_has_errno(true);
}

std::exception_ptr unpack_code(const v1::RaisedError& raised) {
  const std::error_code code(raised.errno_value(), std::generic_category());
  const std::string tail = ": " + code.message();
  std::string what = raised.what();
  if (what.ends_with(tail)) what.resize(what.size() - tail.size());
  return std::make_exception_ptr(std::system_error(code, what));
}

}  // namespace

std::string pack_exception(const std::exception_ptr& error) {
  v1::RaisedError raised;
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& remote) {  // of a pool that the task itself used
    raised.set_type_name(remote.type_name());
    raised.set_what(std::string(remote.what()).substr(remote.type_name().size() + 2));
    raised.set_backtrace(remote.backtrace());
  } catch (const std::exception& known) {
    raised.set_type_name(detail::demangle(typeid(known).name()));
    raised.set_what(known.what());
    raised.set_standard(standard_number(typeid(known)));
    if (const auto* coded = dynamic_cast<const std::system_error*>(&known))
      pack_code(*coded, raised);
  } catch (...) {
    raised.set_type_name(detail::current_exception_type_name());
    raised.set_what("an exception that is not a std::exception");
  }
  return raised.SerializeAsString();
}

std::exception_ptr unpack_exception(std::string_view bytes) {
  v1::RaisedError raised;
  if (!raised.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return std::make_exception_ptr(SerializationError("the task's exception could not be read"));
  if (raised.has_errno()) return unpack_code(raised);
  if (raised.standard() > 0 && raised.standard() <= std::size(kStandards))
    return kStandards[raised.standard() - 1].remake(raised.what());
  return std::make_exception_ptr(
      RemoteError(raised.type_name(), raised.what(), raised.backtrace()));
}

}  // namespace flagship::wire

namespace flagship::detail {

std::string pack_exception(const std::exception_ptr& error) { return wire::pack_exception(error); }
std::exception_ptr unpack_exception(std::string_view bytes) {
  return wire::unpack_exception(bytes);
}

}  // namespace flagship::detail
