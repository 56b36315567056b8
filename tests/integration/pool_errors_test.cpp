// SPDX-License-Identifier: MIT
// What tasks of a process pool throw, and what arrives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <flagship/flagship.hpp>
#include <fstream>
#include <future>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// ---- exceptions -------------------------------------------------------------------------------

/// Made again by its serializer.
class OutOfPaper : public std::exception {
 public:
  OutOfPaper(int tray, std::string printer) : tray_(tray), printer_(std::move(printer)) {
    text_ = "tray " + std::to_string(tray_) + " of " + printer_ + " is empty";
  }
  const char* what() const noexcept override { return text_.c_str(); }
  int tray() const { return tray_; }
  const std::string& printer() const { return printer_; }

 private:
  int tray_;
  std::string printer_;
  std::string text_;
};

/// Made again from its message.
struct Jammed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Keeps the pointer that it is given.
class Literal : public std::exception {
 public:
  explicit Literal(const char* text) : text_(text) {}
  const char* what() const noexcept override { return text_; }

 private:
  const char* text_;
};
struct Silent : std::exception {};
/// No exception class at all, and travels as it is.
struct Fault {
  int code = 0;
  std::string text{};
};
/// Cannot be made again.
struct Unmakeable : std::runtime_error {
  explicit Unmakeable(const std::string& what) : std::runtime_error(what) {
    if (!making) throw std::logic_error("refuses to be made again");
  }
  static inline bool making = false;
};
/// Registered by its base only.
struct JammedBadly : Jammed {
  using Jammed::Jammed;
};
struct Unknown : std::runtime_error {
  using std::runtime_error::runtime_error;
};
template <class A, class B>
struct Either : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

template <>
struct flagship::serializer<OutOfPaper> {
  static void write(Writer& out, const OutOfPaper& error) {
    out.put(error.tray());
    out.put(error.printer());
  }
  static OutOfPaper read(Reader& in) {
    const int tray = in.get<int>();
    return OutOfPaper(tray, in.get<std::string>());
  }
};

FLAGSHIP_EXCEPTION(OutOfPaper)
FLAGSHIP_EXCEPTION(Jammed);
FLAGSHIP_EXCEPTION(Jammed)
FLAGSHIP_EXCEPTION(Literal)
FLAGSHIP_EXCEPTION(Silent)
FLAGSHIP_EXCEPTION(Fault)
FLAGSHIP_EXCEPTION(Unmakeable)
FLAGSHIP_EXCEPTION(Either<int, long>)

namespace {

// ---- tasks ------------------------------------------------------------------------------------

[[gnu::noinline]] void inner_that_throws(const std::string& text) { throw std::range_error(text); }
[[gnu::noinline]] void middle(const std::string& text) {
  inner_that_throws(text);
  asm volatile("");  // so that the call above is no jump
}

int throw_this(const std::string& kind) {
  if (kind == "serializer") throw OutOfPaper(3, "laser");
  if (kind == "what") throw Jammed("between the rolls");
  if (kind == "literal") throw Literal("a literal");
  if (kind == "default") throw Silent();
  if (kind == "fault") throw Fault{7, "seven"};
  if (kind == "derived") throw JammedBadly("still between the rolls");
  if (kind == "template") throw Either<int, long>("either");
  if (kind == "unmakeable") {
    Unmakeable::making = true;
    throw Unmakeable("made once");
  }
  if (kind == "unknown") throw Unknown("who am I");
  if (kind == "int") throw 42;
  if (kind == "text") throw "a plain text";
  if (kind == "string") throw std::string("a std::string");
  if (kind == "inner") middle("from deep inside");
  if (kind == "library") return std::stoi("no number");
  if (kind == "filesystem") return static_cast<int>(std::filesystem::file_size("/no/such/file"));
  if (kind == "stream") {
    std::ifstream stream;
    stream.exceptions(std::ios::failbit);
    stream.open("/no/such/file");
  }
  if (kind == "regex") std::regex("(");
  if (kind == "future") std::promise<int>().set_value(1), std::future<int>().get();
  if (kind == "nested") {
    try {
      throw_this("what");
    } catch (...) {
      std::throw_with_nested(std::runtime_error("printing failed"));
    }
  }
  return 0;
}
int throw_if_odd(int x) {
  if (x % 2 != 0) throw OutOfPaper(x, "map");
  return x;
}
int rethrow_the_first() {
  std::exception_ptr first;
  try {
    middle("the first");
  } catch (...) {
    first = std::current_exception();
  }
  try {
    throw std::runtime_error("the second");
  } catch (const std::exception&) {
  }
  std::rethrow_exception(first);
}
int catch_and_rethrow() {
  try {
    middle("on its way");
  } catch (...) {
    throw;
  }
  return 0;
}
int recurse(int depth) {
  if (depth == 0) throw std::runtime_error("at the bottom");
  return recurse(depth - 1) + 1;
}
pid_t own_pid() { return getpid(); }

template <class E, class T>
E expect(const Future<T>& future) {
  try {
    if (auto error = future.exception(kPatience)) std::rethrow_exception(error);
  } catch (const E& error) {
    EXPECT_EQ(typeid(error), typeid(E));
    return error;
  }
  throw std::logic_error("it returned");
}

std::size_t lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
}

struct PoolErrors : testing::Test {
  ProcessPoolExecutor pool{{.max_workers = 1}};
  Future<int> thrown(const std::string& kind) { return pool.submit<throw_this>(kind); }
};
struct ConformanceErrors : PoolErrors {};

// ---- registered types -------------------------------------------------------------------------

TEST_F(ConformanceErrors, G01_a_registered_type_is_made_again_by_its_serializer) {
  const auto error = expect<OutOfPaper>(thrown("serializer"));
  EXPECT_EQ(error.tray(), 3);
  EXPECT_EQ(error.printer(), "laser");
  EXPECT_STREQ(error.what(), "tray 3 of laser is empty");
}

TEST_F(ConformanceErrors, G01_a_registered_type_without_serializer_is_made_again_from_its_message) {
  EXPECT_STREQ(expect<Jammed>(thrown("what")).what(), "between the rolls");
  EXPECT_STREQ(expect<Literal>(thrown("literal")).what(), "a literal");
  expect<Silent>(thrown("default"));
  using EitherOne = Either<int, long>;
  EXPECT_STREQ(expect<EitherOne>(thrown("template")).what(), "either");
}

TEST_F(ConformanceErrors, G01_a_registered_type_that_is_no_std_exception_keeps_its_data) {
  const auto fault = expect<Fault>(thrown("fault"));
  EXPECT_EQ(fault.code, 7);
  EXPECT_EQ(fault.text, "seven");
}

TEST_F(PoolErrors, a_type_of_which_only_the_base_is_registered_arrives_as_RemoteError) {
  const auto error = expect<RemoteError>(thrown("derived"));
  EXPECT_THAT(error.type_name(), HasSubstr("JammedBadly"));
  EXPECT_EQ(error.message(), "still between the rolls");
}

TEST_F(PoolErrors, an_exception_that_cannot_be_made_again_ends_only_its_own_future) {
  const auto error = expect<RemoteError>(thrown("unmakeable"));
  EXPECT_THAT(error.type_name(), HasSubstr("Unmakeable"));
  EXPECT_THAT(error.message(), AllOf(HasSubstr("made once"), HasSubstr("refuses")));
  EXPECT_EQ(thrown("none").result(kPatience), 0);
}

TEST_F(PoolErrors, items_of_a_map_keep_their_registered_type) {
  std::vector<int> input{0, 1, 2, 3, 4, 5};
  auto results = pool.map<throw_if_odd>(input, MapOptions{.chunksize = 3});
  int next = 0;
  for (auto at = results.begin(); at != results.end(); ++at, ++next) {
    try {
      EXPECT_EQ(*at, next);
      EXPECT_EQ(next % 2, 0);
    } catch (const OutOfPaper& error) {
      EXPECT_EQ(error.tray(), next);
      EXPECT_EQ(next % 2, 1);
    }
  }
  EXPECT_EQ(next, 6);
}

void refuse_to_start() { throw Fault{1, "not today"}; }

TEST(PoolErrorsAtStart, what_an_initializer_throws_is_named_whatever_it_is) {
  ProcessPoolExecutor pool({.max_workers = 1, .initializer = initializer<refuse_to_start>()});
  EXPECT_THAT(expect<BrokenProcessPool>(pool.submit<own_pid>()).what(), HasSubstr("Fault"));
}

TEST(PoolErrorsElsewhere, a_type_that_only_the_worker_has_registered_arrives_as_RemoteError) {
  ProcessPoolExecutor pool({.max_workers = 1, .worker_executable = TEST_OTHER_WORKER});
  const auto error = expect<RemoteError>(pool.submit_named<int>("test.refuse", 5));
  EXPECT_THAT(error.type_name(), HasSubstr("Refused"));
  EXPECT_EQ(error.message(), "5 is refused");
  EXPECT_THAT(error.backtrace(), HasSubstr("refuse"));
}

TEST(PoolErrorsAtStart, two_registered_types_of_one_name_end_the_program_naming_both_places) {
  Child program({"/bin/sh", "-c", "exec " TEST_TWINS " 2>&1"});
  EXPECT_THAT(program.read_rest(),
              AllOf(HasSubstr("Twin"), HasSubstr("twins.cpp:"), HasSubstr("twins_other.cpp:")));
  EXPECT_EQ(program.wait(), 3);
}

// ---- standard types ---------------------------------------------------------------------------

TEST_F(ConformanceErrors,
       G01_standard_exceptions_that_the_library_throws_keep_their_type_and_data) {
  const auto missing = expect<std::filesystem::filesystem_error>(thrown("filesystem"));
  EXPECT_EQ(missing.path1(), "/no/such/file");
  EXPECT_EQ(missing.code(), std::errc::no_such_file_or_directory);
  EXPECT_STREQ(expect<std::invalid_argument>(thrown("library")).what(), "stoi");
  EXPECT_EQ(expect<std::ios_base::failure>(thrown("stream")).code(), std::io_errc::stream);
  EXPECT_EQ(expect<std::regex_error>(thrown("regex")).code(), std::regex_constants::error_paren);
  EXPECT_EQ(expect<std::future_error>(thrown("future")).code(), std::future_errc::no_state);
}

TEST_F(ConformanceErrors, P07_what_is_no_exception_class_arrives_as_RemoteError_with_its_text) {
  const auto number = expect<RemoteError>(thrown("int"));
  EXPECT_EQ(number.type_name(), "int");
  EXPECT_EQ(number.message(), "42");
  EXPECT_EQ(expect<RemoteError>(thrown("text")).message(), "a plain text");
  EXPECT_EQ(expect<RemoteError>(thrown("string")).message(), "a std::string");
  EXPECT_EQ(expect<RemoteError>(thrown("string")).type_name(), "std::string");
}

TEST_F(PoolErrors, a_nested_exception_arrives_with_the_messages_of_all) {
  const auto error = expect<RemoteError>(thrown("nested"));
  EXPECT_THAT(error.type_name(), HasSubstr("std::runtime_error"));
  EXPECT_THAT(error.message(), AllOf(StartsWith("printing failed"), HasSubstr("Jammed"),
                                     HasSubstr("between the rolls")));
}

TEST_F(PoolErrors, a_future_prints_the_type_that_was_thrown) {
  const auto printed = [](const Future<int>& future) {
    future.exception(kPatience);
    std::ostringstream out;
    out << future;
    return out.str();
  };
  EXPECT_THAT(printed(thrown("library")),
              HasSubstr("state=finished raised std::invalid_argument>"));
  EXPECT_THAT(printed(thrown("stream")), HasSubstr("raised std::ios_base::failure>"));
  EXPECT_THAT(printed(thrown("unknown")), HasSubstr("Unknown>"));
  EXPECT_THAT(printed(thrown("what")), HasSubstr("Jammed>"));
}

// ---- each by itself ---------------------------------------------------------------------------

TEST_F(ConformanceErrors,
       P07_every_failed_future_has_an_exception_of_its_own_and_the_worker_lives) {
  const pid_t worker = pool.submit<own_pid>().result(kPatience);
  std::vector<std::exception_ptr> errors;
  for (const char* kind : {"what", "what", "unknown", "unknown", "serializer", "serializer"}) {
    errors.push_back(thrown(kind).exception(kPatience));
    EXPECT_EQ(std::count(errors.begin(), errors.end(), errors.back()), 1);
  }
  EXPECT_EQ(pool.submit<own_pid>().result(kPatience), worker);
}

// ---- backtraces -------------------------------------------------------------------------------

TEST_F(ConformanceErrors, G02_the_outcome_says_where_an_exception_of_any_type_was_thrown) {
  const Future<int> future = thrown("inner");
  expect<std::range_error>(future);
  const std::string backtrace = future.try_outcome()->backtrace;
  const std::size_t inner = backtrace.find("inner_that_throws(");
  const std::size_t middle = backtrace.find("middle(");
  const std::size_t task = backtrace.find("throw_this");
  EXPECT_EQ(lines(backtrace.substr(0, inner)), 1u) << backtrace;
  EXPECT_LT(inner, middle) << backtrace;
  EXPECT_LT(middle, task) << backtrace;
  EXPECT_EQ(lines(backtrace), 3u) << backtrace;
  EXPECT_THAT(backtrace, Not(HasSubstr("flagship::")));
}

TEST_F(ConformanceErrors, G02_a_RemoteError_has_its_backtrace_and_prints_it) {
  const Future<int> future = thrown("unknown");
  const auto error = expect<RemoteError>(future);
  EXPECT_EQ(error.message(), "who am I");
  EXPECT_THAT(error.backtrace(), HasSubstr("throw_this"));
  EXPECT_THAT(error.what(), AllOf(HasSubstr("Unknown: who am I\n  at "), HasSubstr("throw_this")));
  EXPECT_EQ(future.try_outcome()->backtrace, error.backtrace());
}

TEST_F(ConformanceErrors, G02_what_a_library_throws_has_a_backtrace_too) {
  const Future<int> future = thrown("library");
  expect<std::invalid_argument>(future);
  EXPECT_THAT(future.try_outcome()->backtrace,
              AllOf(HasSubstr("libstdc++"), HasSubstr("throw_this")));
}

TEST_F(PoolErrors, a_backtrace_is_of_the_throw_and_not_of_one_after_it_or_of_throwing_again) {
  const Future<int> first = pool.submit<rethrow_the_first>();
  EXPECT_STREQ(expect<std::range_error>(first).what(), "the first");
  EXPECT_THAT(first.try_outcome()->backtrace, IsEmpty()) << "only the last is remembered";
  const Future<int> again = pool.submit<catch_and_rethrow>();
  expect<std::range_error>(again);
  EXPECT_THAT(again.try_outcome()->backtrace,
              AllOf(HasSubstr("inner_that_throws("), HasSubstr("catch_and_rethrow")));
}

TEST_F(PoolErrors, a_backtrace_is_bounded) {
  const Future<int> future = pool.submit<recurse>(5000);
  expect<std::runtime_error>(future);
  const std::string backtrace = future.try_outcome()->backtrace;
  EXPECT_THAT(backtrace, HasSubstr("recurse"));
  EXPECT_LE(lines(backtrace), 33u);
  EXPECT_LE(backtrace.size(), 8u * 1024);
}

TEST_F(PoolErrors, items_of_a_map_have_backtraces) {
  auto results = pool.map<throw_this>(std::vector<std::string>{"unknown"});
  try {
    *results.begin();
    FAIL();
  } catch (const RemoteError& error) {
    EXPECT_THAT(error.backtrace(), AllOf(HasSubstr("throw_this"), Not(HasSubstr("flagship::"))));
  }
}

TEST_F(PoolErrors, a_call_that_returned_has_no_backtrace_whatever_it_caught) {
  const Future<int> future = thrown("none");
  future.result(kPatience);
  EXPECT_THAT(future.try_outcome()->backtrace, IsEmpty());
}

}  // namespace
