// SPDX-License-Identifier: MIT
#include "common/wire/raised.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <any>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <typeinfo>
#include <variant>

#include "flagship/error.hpp"

namespace flagship::wire {
namespace {

using testing::HasSubstr;

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

TEST(Raised, a_system_error_keeps_its_code) {
  const std::system_error error(ENOENT, std::generic_category(), "opening it");
  try {
    std::rethrow_exception(sent(error));
  } catch (const std::system_error& arrived) {
    EXPECT_EQ(arrived.code(), error.code());
    EXPECT_STREQ(arrived.what(), error.what());
  }
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

TEST(Raised, bytes_that_are_no_exception_give_SerializationError) {
  EXPECT_THROW(std::rethrow_exception(unpack_exception("\xff\xff\xff")), SerializationError);
  EXPECT_THROW(std::rethrow_exception(unpack_exception("")), RemoteError);
}

}  // namespace
}  // namespace flagship::wire
