// SPDX-License-Identifier: MIT
#include "flagship/serializer.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "flagship/v1/wire.pb.h"

namespace {

enum class Colour : std::int8_t { red = -1, green = 5 };

struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};
struct Line {
  Point from, to;
  std::string name;
  std::optional<std::vector<Point>> between;
  std::array<std::uint8_t, 3> colour{};
  std::map<std::string, std::variant<int, std::string>> tags;
  bool operator==(const Line&) const = default;
};
struct Nothing {
  bool operator==(const Nothing&) const = default;
};
struct Tree {
  std::vector<Tree> branches;
  bool operator==(const Tree&) const = default;
};
struct One {
  std::string only;
  bool operator==(const One&) const = default;
};
struct Many {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
  bool operator==(const Many&) const = default;
};
class Own {
 public:
  explicit Own(int value) : value_(value) {}
  int value() const { return value_; }
  bool operator==(const Own&) const = default;

 private:
  int value_;
};

}  // namespace

template <>
struct flagship::serializer<Own> {
  static void write(Writer& out, const Own& own) { out.put(own.value()); }
  static Own read(Reader& in) { return Own(in.get<int>()); }
};

namespace flagship {
namespace {

template <class T>
std::string written(const T& value) {
  std::string bytes;
  Writer(bytes).put(value);
  return bytes;
}

/// There and back; and no prefix of it is taken for the whole.
template <class T>
void expect_round_trip(const T& value) {
  const std::string bytes = written(value);
  Reader in(bytes);
  EXPECT_EQ(in.get<T>(), value);
  EXPECT_EQ(in.left(), 0u);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    Reader truncated(std::string_view(bytes).substr(0, n));
    EXPECT_THROW(truncated.get<T>(), SerializationError) << n << " of " << bytes.size() << " bytes";
  }
}

TEST(Serializer, numbers_enums_and_durations) {
  expect_round_trip(true);
  expect_round_trip('x');
  expect_round_trip(std::numeric_limits<std::int64_t>::min());
  expect_round_trip(std::numeric_limits<std::uint64_t>::max());
  expect_round_trip(-0.5f);
  expect_round_trip(std::numeric_limits<double>::infinity());
  expect_round_trip(std::numeric_limits<long double>::max());
  expect_round_trip(Colour::red);
  expect_round_trip(std::chrono::nanoseconds(-7));
  expect_round_trip(std::chrono::duration<double, std::ratio<60>>(1.5));
}

TEST(Serializer, strings_and_bytes) {
  expect_round_trip(std::string());
  expect_round_trip(std::string("\0with zero\xff", 11));
  expect_round_trip(std::string(127, 'x'));
  expect_round_trip(std::string(128, 'x'));
  expect_round_trip(std::vector<std::byte>{std::byte{0}, std::byte{255}});
}

TEST(Serializer, bytes_so_many_that_large_pages_are_asked_for) {
  const std::size_t many = detail::kLargeBytes + 3;
  std::vector<std::byte> bytes(many, std::byte{7});
  bytes.back() = std::byte{8};
  const std::string text(many, 'x');
  std::string written;
  Writer out(written);
  out.put(bytes), out.put(text), out.put(-1);
  Reader in(written);
  EXPECT_EQ(in.get<std::vector<std::byte>>(), bytes);
  EXPECT_EQ(in.get<std::string>(), text);
  EXPECT_EQ(in.get<int>(), -1);
  EXPECT_EQ(in.left(), 0u);
}

TEST(Serializer, containers) {
  expect_round_trip(std::vector<int>{});
  expect_round_trip(std::vector<int>{1, -2, 3});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::vector<std::string>{"a", "", "ccc"});
  expect_round_trip(std::vector<std::vector<double>>{{1.5}, {}, {2, 3}});
  expect_round_trip(std::vector<Colour>{Colour::green, Colour::red});
  expect_round_trip(std::array<std::string, 2>{"x", "y"});
  expect_round_trip(std::map<std::string, int>{{"one", 1}, {"two", 2}});
  expect_round_trip(std::unordered_map<int, std::string>{{1, "one"}, {2, "two"}});
  expect_round_trip(std::set<int>{3, 1, 2});
  expect_round_trip(std::unordered_set<std::string>{"a", "b"});
}

TEST(Serializer, pairs_tuples_optionals_and_variants) {
  expect_round_trip(std::pair<int, std::string>{1, "x"});
  expect_round_trip(std::tuple<>{});
  expect_round_trip(std::tuple<int, std::string, bool>{1, "x", true});
  expect_round_trip(std::optional<std::string>());
  expect_round_trip(std::optional<std::optional<int>>(std::optional<int>()));
  expect_round_trip(std::variant<int, std::string>(7));
  expect_round_trip(std::variant<int, std::string>("seven"));
  expect_round_trip(std::variant<std::monostate, int>());
}

TEST(Serializer, aggregates_without_a_line_of_code) {
  expect_round_trip(Point{1, 2.5});
  expect_round_trip(Nothing{});
  expect_round_trip(One{"alone"});
  expect_round_trip(
      Many{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24});
  expect_round_trip(Line{{1, 2},
                         {3, 4},
                         "a line",
                         {{{5, 6}, {7, 8}}},
                         {9, 8, 7},
                         {{"n", 1}, {"s", std::string("t")}}});
  expect_round_trip(std::vector<Point>{{1, 2}, {3, 4}});
}

TEST(Serializer, a_type_with_a_serializer_of_its_own) {
  expect_round_trip(Own(42));
  expect_round_trip(std::vector<Own>{Own(1), Own(2)});
}

TEST(Serializer, protobuf_messages_as_they_are) {
  v1::Hello hello;
  hello.set_build_id("abc");
  hello.set_pid(7);
  const std::string bytes = written(hello);
  Reader in(bytes);
  const auto read = in.get<v1::Hello>();
  EXPECT_EQ(read.build_id(), "abc");
  EXPECT_EQ(read.pid(), 7);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    Reader truncated(std::string_view(bytes).substr(0, n));
    EXPECT_THROW(truncated.get<v1::Hello>(), SerializationError);
  }
  const std::string garbage = written(std::string("\xff\xff\xff"));
  Reader spoilt(garbage);
  EXPECT_THROW(spoilt.get<v1::Hello>(), SerializationError);
}

TEST(Serializer, values_follow_each_other) {
  std::string bytes;
  Writer out(bytes);
  out.put(1), out.put(std::string("two")), out.put(3.0);
  Reader in(bytes);
  EXPECT_EQ(in.get<int>(), 1);
  EXPECT_EQ(in.get<std::string>(), "two");
  EXPECT_EQ(in.get<double>(), 3.0);
}

TEST(Serializer, a_length_that_the_payload_cannot_hold_is_refused_before_memory_is_taken) {
  std::string bytes;
  Writer(bytes).length(std::size_t{1} << 60);
  EXPECT_THROW(Reader(bytes).get<std::string>(), SerializationError);
  EXPECT_THROW(Reader(bytes).get<std::vector<double>>(), SerializationError);
  EXPECT_THROW(Reader(bytes).get<std::vector<std::string>>(), SerializationError);
  EXPECT_THROW((Reader(bytes).get<std::map<int, int>>()), SerializationError);
  EXPECT_THROW(Reader(std::string(20, '\xff')).get<std::string>(), SerializationError);
}

TEST(Serializer, values_that_take_no_bytes_are_not_read_for_ever) {
  expect_round_trip(std::vector<std::monostate>(1000));
  expect_round_trip(std::vector<std::pair<std::monostate, std::monostate>>(3));
  expect_round_trip(std::vector<std::array<Nothing, 2>>(3));
  expect_round_trip(std::map<std::monostate, std::monostate>{{std::monostate{}, std::monostate{}}});
  std::string bytes;
  Writer(bytes).length(std::size_t{1} << 60);
  EXPECT_THROW(Reader(bytes).get<std::vector<std::monostate>>(), SerializationError);
}

TEST(Serializer, an_alternative_that_the_variant_does_not_have_is_refused) {
  std::string bytes;
  Writer(bytes).length(2);
  EXPECT_THROW((Reader(bytes).get<std::variant<int, bool>>()), SerializationError);
}

TEST(Serializer, what_holds_itself_travels_a_thousand_deep_and_is_refused_beyond) {
  const auto nested = [](std::size_t depth) {
    Tree tree;
    for (; depth > 0; --depth) {
      Tree outer;
      outer.branches.push_back(std::move(tree));
      tree = std::move(outer);
    }
    return tree;
  };
  const Tree deepest = nested(999);
  EXPECT_EQ(Reader(written(deepest)).get<Tree>(), deepest);
  EXPECT_THROW(written(nested(1000)), SerializationError);
  const std::string bytes(100'000, '\1');  // one branch, that has one branch
  EXPECT_THROW(Reader(bytes).get<Tree>(), SerializationError);
}

TEST(Serializer, a_reader_that_refused_what_was_too_deep_reads_on) {
  const std::string bytes(2000, '\1');
  Reader in(bytes);
  EXPECT_THROW(in.get<Tree>(), SerializationError);
  EXPECT_EQ(in.get<std::string>(), "\1");
}

TEST(Serializer, random_bytes_are_read_or_refused) {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
    try {
      Reader(bytes).get<Line>();
    } catch (const SerializationError&) {
    }
  }
}

}  // namespace
}  // namespace flagship
