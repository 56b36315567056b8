// SPDX-License-Identifier: MIT
// A value that can travel, and that knows how many of its kind live in this process.
#pragma once

#include <atomic>
#include <flagship/serializer.hpp>

namespace flagship::test {

class Counted {
 public:
  explicit Counted(int number) : number_(number) { ++alive; }
  Counted(const Counted& other) : number_(other.number_) { ++alive; }
  Counted& operator=(const Counted&) = default;
  ~Counted() { --alive; }

  int number() const { return number_; }
  static int living() { return alive; }

 private:
  static inline std::atomic<int> alive{0};
  int number_;
};

}  // namespace flagship::test

template <>
struct flagship::serializer<flagship::test::Counted> {
  static void write(Writer& out, const test::Counted& counted) { out.put(counted.number()); }
  static test::Counted read(Reader& in) { return test::Counted(in.get<int>()); }
};
