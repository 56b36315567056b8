// SPDX-License-Identifier: MIT
// Arguments and results. The first byte says of which type the rest claims to be.
#include "flagship/serializer.hpp"

#include "flagship/v1/wire.pb.h"
#include "tests/fuzz/target.hpp"

namespace {

enum class Colour : std::uint8_t { red, green };

struct Point {
  double x = 0, y = 0;
};

struct Everything {
  std::string text;
  std::vector<Point> points;
  std::map<std::string, std::optional<Point>> named;
  std::array<std::int16_t, 3> three{};
  std::chrono::milliseconds time{};
  Colour colour{};
  std::tuple<bool, char, std::set<std::string>> others;
};

struct Tree {
  int value = 0;
  std::vector<Tree> branches;
};

template <class T>
std::string written(const T& value) {
  std::string bytes;
  flagship::Writer(bytes).put(value);
  return bytes;
}

/// What can be read can be written, and is the same when read again.
template <class T, bool kOrdered = true>
void read(std::string_view bytes) {
  try {
    flagship::Reader in(bytes);
    const std::string once = written(in.get<T>());
    flagship::Reader back(once);
    const std::string twice = written(back.get<T>());
    flagship::fuzz::check(back.left() == 0, "all that was written is read");
    flagship::fuzz::check(kOrdered ? once == twice : once.size() == twice.size(), "it is the same");
  } catch (const flagship::SerializationError&) {
  }
}

using Variant = std::variant<std::monostate, int, std::string, std::vector<std::string>>;

constexpr flagship::fuzz::Target kTypes[] = {
    read<int>,
    read<bool>,
    read<std::string>,
    read<std::vector<int>>,
    read<std::vector<bool>>,
    read<std::vector<std::string>>,
    read<std::vector<std::vector<std::uint16_t>>>,
    read<std::map<std::string, std::vector<std::uint16_t>>>,
    read<std::unordered_map<int, std::string>, false>,
    read<std::unordered_set<std::string>, false>,
    read<std::set<std::pair<int, std::string>>>,
    read<std::optional<std::optional<std::string>>>,
    read<Variant>,
    read<std::vector<Variant>>,
    read<std::tuple<int, std::string, Colour>>,
    read<std::pair<std::string, std::array<std::string, 4>>>,
    read<Everything>,
    read<Tree>,
    read<flagship::v1::Terms>,
};

}  // namespace

FUZZ_TARGET(serializer) {
  const auto type = flagship::fuzz::take<std::uint8_t>(bytes);
  kTypes[type % (sizeof kTypes / sizeof *kTypes)](bytes);
}
