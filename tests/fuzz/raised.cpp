// SPDX-License-Identifier: MIT
// An exception on its way home.
#include "common/wire/raised.hpp"

#include <stdexcept>
#include <string>
#include <typeinfo>

#include "flagship/exception.hpp"
#include "tests/fuzz/target.hpp"

namespace flagship::fuzz {

struct OutOfPaper {
  int tray = 0;
  std::string paper;
};

struct Jammed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace {

/// What is seen of it: its type, and what it says.
std::string looked_at(const std::exception_ptr& error) {
  check(error != nullptr, "there is always an exception");
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    check(known.what() != nullptr, "it says something");
    return std::string(typeid(known).name()) + ": " + known.what();
  } catch (const OutOfPaper& known) {
    return "no " + known.paper + " in " + std::to_string(known.tray);
  } catch (...) {
    check(false, "it is an exception of a known type");
  }
  return {};
}

}  // namespace
}  // namespace flagship::fuzz

FLAGSHIP_EXCEPTION(flagship::fuzz::OutOfPaper)
FLAGSHIP_EXCEPTION(flagship::fuzz::Jammed)

FUZZ_TARGET(raised) {
  using namespace flagship;
  fuzz::touch(wire::packed_message(bytes));
  fuzz::touch(wire::describe_packed(bytes));
  const wire::Raised raised = wire::unpack_raised(bytes);
  fuzz::touch(raised.backtrace);
  // What came may have said more than an exception can: a what() ends at its first zero byte.
  fuzz::touch(fuzz::looked_at(raised.error));
  const std::exception_ptr once = wire::unpack_exception(wire::pack_exception(raised.error));
  const std::exception_ptr twice = wire::unpack_exception(wire::pack_exception(once));
  fuzz::check(fuzz::looked_at(once) == fuzz::looked_at(twice),
              "what has travelled once travels again");
}
