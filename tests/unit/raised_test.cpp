// SPDX-License-Identifier: MIT
#include "common/wire/raised.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <any>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "common/throw_trace.hpp"
#include "flagship/error.hpp"

namespace flagship::wire {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

template <class E>
std::exception_ptr sent(E&& error) {
  return unpack_exception(pack_exception(std::make_exception_ptr(std::forward<E>(error))));
}

template <class E>
void expect_same(const E& error) {
  try {
    std::rethrow_exception(sent(error));
  } catch (const std::exception& arrived) {
    EXPECT_EQ(typeid(arrived), typeid(E));
    EXPECT_STREQ(arrived.what(), error.what());
  }
}

TEST(Raised, standard_exceptions_keep_their_type_and_message) {
  expect_same(std::runtime_error("message"));
  expect_same(std::logic_error("message"));
  expect_same(std::invalid_argument("message"));
  expect_same(std::domain_error("message"));
  expect_same(std::length_error("message"));
  expect_same(std::out_of_range("message"));
  expect_same(std::range_error("message"));
  expect_same(std::overflow_error("message"));
  expect_same(std::underflow_error("message"));
  expect_same(std::bad_alloc());
  expect_same(std::bad_array_new_length());
  expect_same(std::bad_cast());
  expect_same(std::bad_typeid());
  expect_same(std::bad_any_cast());
  expect_same(std::bad_optional_access());
  expect_same(std::bad_function_call());
  expect_same(std::bad_weak_ptr());
  expect_same(std::bad_exception());
  expect_same(std::exception());
  expect_same(std::runtime_error(""));
  expect_same(std::runtime_error("\xff\xfe"));
}

TEST(Raised, flagships_own_errors_keep_their_type) {
  expect_same(Error("message"));
  expect_same(CancelledError());
  expect_same(TimeoutError("message"));
  expect_same(TaskTimeout("message"));
  expect_same(SerializationError("message"));
  expect_same(UnknownTask("message"));
  expect_same(ShutdownError());
  expect_same(BrokenProcessPool("message"));
}

template <class E>
void expect_same_code(const E& error) {
  expect_same(error);
  try {
    std::rethrow_exception(sent(error));
  } catch (const E& arrived) {
    EXPECT_EQ(arrived.code(), error.code());
  }
}

TEST(Raised, exceptions_with_a_code_keep_it_and_its_category) {
  expect_same_code(std::system_error(ENOENT, std::generic_category(), "opening it"));
  expect_same_code(std::system_error(ENOENT, std::system_category(), "opening: it"));
  expect_same_code(std::system_error(ENOENT, std::system_category()));
  expect_same_code(std::system_error(ENOENT, std::system_category(), ""));
  expect_same_code(std::system_error(std::make_error_code(std::io_errc::stream), "reading"));
  expect_same_code(std::system_error(std::make_error_code(std::future_errc::no_state), "asking"));
  expect_same_code(std::ios_base::failure("reading"));
  expect_same_code(std::future_error(std::future_errc::promise_already_satisfied));
  expect_same_code(std::regex_error(std::regex_constants::error_brack));
}

TEST(Raised, a_filesystem_error_keeps_its_paths) {
  using std::filesystem::filesystem_error;
  const auto code = std::make_error_code(std::errc::permission_denied);
  for (const filesystem_error& error :
       {filesystem_error("cannot copy", "/from", "/to", code),
        filesystem_error("cannot stat", "/from", code), filesystem_error("cannot", code)}) {
    expect_same_code(error);
    try {
      std::rethrow_exception(sent(error));
    } catch (const filesystem_error& arrived) {
      EXPECT_EQ(arrived.path1(), error.path1());
      EXPECT_EQ(arrived.path2(), error.path2());
    }
  }
}

TEST(Raised, a_regular_expressions_error_without_such_a_code_arrives_as_RemoteError) {
  std::string bytes =
      pack_exception(std::make_exception_ptr(std::regex_error(std::regex_constants::error_brack)));
  const int code = std::regex_constants::error_brack;
  const auto at = bytes.find(std::string(reinterpret_cast<const char*>(&code), sizeof code));
  ASSERT_NE(at, std::string::npos);
  bytes[at + 1] = '\x08';  // now it is 0x804
  EXPECT_THROW(std::rethrow_exception(unpack_exception(bytes)), RemoteError);
}

TEST(Raised, a_code_of_the_programs_own_category_arrives_as_RemoteError) {
  struct Category : std::error_category {
    const char* name() const noexcept override { return "own"; }
    std::string message(int) const override { return "own message"; }
  };
  static const Category category;
  try {
    std::rethrow_exception(sent(std::system_error(1, category, "doing it")));
  } catch (const RemoteError& remote) {
    EXPECT_EQ(remote.type_name(), "std::system_error");
    EXPECT_EQ(remote.message(), "doing it: own message");
    return;
  }
  FAIL();
}

struct Own : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(Raised, other_types_arrive_as_RemoteError_with_their_name) {
  try {
    std::rethrow_exception(sent(Own("of my own")));
  } catch (const RemoteError& remote) {
    EXPECT_THAT(remote.type_name(), HasSubstr("Own"));
    EXPECT_THAT(remote.what(), HasSubstr("of my own"));
  }
  try {
    std::rethrow_exception(sent(42));
  } catch (const RemoteError& remote) {
    EXPECT_EQ(remote.type_name(), "int");
  }
}

TEST(Raised, a_RemoteError_passes_through_a_second_pool_unchanged) {
  const RemoteError error("their::Type", "message", "frame 1\nframe 2");
  try {
    std::rethrow_exception(sent(error));
  } catch (const RemoteError& arrived) {
    EXPECT_EQ(arrived.type_name(), "their::Type");
    EXPECT_STREQ(arrived.what(), error.what());
    EXPECT_EQ(arrived.backtrace(), error.backtrace());
  }
}

TEST(Raised, a_code_of_no_category_gives_RemoteError) {
  std::string packed =
      pack_exception(std::make_exception_ptr(std::system_error(1, std::generic_category())));
  const std::string value("\x00\x01\x00\x00\x00\x00", 6);  // category, code, no text
  ASSERT_NE(packed.find(value), std::string::npos);
  packed[packed.find(value)] = '\x09';
  try {
    std::rethrow_exception(unpack_exception(packed));
  } catch (const RemoteError& remote) {
    EXPECT_EQ(remote.type_name(), "std::system_error");
    EXPECT_THAT(remote.message(), HasSubstr("could not be made again"));
    return;
  }
  FAIL();
}

TEST(Raised, bytes_that_are_no_exception_give_SerializationError) {
  EXPECT_THROW(std::rethrow_exception(unpack_exception("\xff\xff\xff")), SerializationError);
  EXPECT_THROW(std::rethrow_exception(unpack_exception("")), RemoteError);
}

// ---- where it was thrown ------------------------------------------------------------------------

[[gnu::noinline]] void throw_here() { throw Own("thrown here"); }
[[gnu::noinline]] std::exception_ptr caught_here() {
  try {
    throw_here();
  } catch (...) {
  }
  try {
    throw_here();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

TEST(ThrowTrace, says_where_the_last_exception_was_thrown_while_it_lives) {
  EXPECT_EQ(detail::backtrace_of(caught_here()), "");
  std::exception_ptr error;
  {
    detail::ThrowTrace trace("task");
    error = caught_here();
    const std::string text = detail::backtrace_of(error);
    EXPECT_THAT(text, AllOf(HasSubstr("throw_here("), HasSubstr("caught_here("), HasSubstr("+0x")));
    EXPECT_THAT(text, Not(HasSubstr("main")));
    EXPECT_EQ(unpack_raised(pack_exception(error)).backtrace, text);
    EXPECT_EQ(detail::backtrace_of(std::make_exception_ptr(Own("not thrown"))), "");
  }
  EXPECT_EQ(detail::backtrace_of(error), "");
}

TEST(ThrowTrace, is_the_innermost_and_then_the_outer_again) {
  detail::ThrowTrace outer("outer");
  const auto error = caught_here();
  {
    detail::ThrowTrace inner("inner");
    EXPECT_EQ(detail::backtrace_of(error), "");
  }
  EXPECT_THAT(detail::backtrace_of(error), HasSubstr("throw_here("));
}

TEST(ThrowTrace, remembering_allocates_nothing) {
  detail::ThrowTrace trace("task");
  const int object = 0;
  const std::size_t before = mallinfo2().uordblks;
  trace.remember(&object, typeid(int), __builtin_return_address(0));
  EXPECT_EQ(mallinfo2().uordblks, before);
}

}  // namespace
}  // namespace flagship::wire
