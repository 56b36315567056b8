// SPDX-License-Identifier: MIT
// What may travel between processes, and how it is written. Specialise `flagship::serializer<T>`
// for your own type:
//
//   template <> struct flagship::serializer<Point> {
//     static void write(Writer& out, const Point& p) { out.put(p.x()); out.put(p.y()); }
//     static Point read(Reader& in) { auto x = in.get<int>(); return Point(x, in.get<int>()); }
//   };
//
// Writers and readers belong to one thread at a time. Both ends are the same architecture: numbers
// travel as they lie in memory.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "flagship/detail/aggregate.hpp"
#include "flagship/error.hpp"

namespace flagship {

template <class T>
struct serializer;

namespace detail {

[[noreturn]] void throw_too_short();

/// Memory that is about to be filled. From a few MiB on the kernel is asked for large pages:
/// fetching it page by page takes longer than filling it.
constexpr std::size_t kLargeBytes = std::size_t{4} << 20;
void expect_large(void* memory, std::size_t bytes) noexcept;

template <class T>
concept plain = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class T, template <class...> class Of>
inline constexpr bool is_a = false;
template <template <class...> class Of, class... A>
inline constexpr bool is_a<Of<A...>, Of> = true;

template <class T>
concept map_like = is_a<T, std::map> || is_a<T, std::unordered_map>;
template <class T>
concept set_like = is_a<T, std::set> || is_a<T, std::unordered_set>;

/// What can hold values of its own type: only with these does depth depend on the value.
template <class T>
concept may_nest = is_a<T, std::vector> || map_like<T> || set_like<T> || !requires {
  typename serializer<T>::general;
};

/// What is written as it lies in memory, one or many: no bool, of which not every byte is one, and
/// nothing that has a serializer of its own.
template <class T>
concept as_it_lies = plain<T> && !std::is_same_v<T, bool> && requires {
  typename serializer<T>::general;
};

/// One level of values within values: what holds itself must not fill a stack.
class Nesting {
 public:
  static constexpr std::size_t kMost = 1000;
  explicit Nesting(std::size_t& depth) : depth_(depth) {
    if (++depth_ <= kMost) return;
    --depth_;
    throw SerializationError("values are nested more than 1000 deep");
  }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --depth_; }

 private:
  std::size_t& depth_;
};

}  // namespace detail

/// Appends values to a buffer. Values nested more than 1000 deep: SerializationError.
class Writer {
 public:
  explicit Writer(std::string& buffer) : buffer_(buffer) {}

  void raw(const void* data, std::size_t bytes) {
    if (bytes >= detail::kLargeBytes) make_room(bytes);
    buffer_.append(static_cast<const char*>(data), bytes);
  }
  /// A length, in one byte when small.
  void length(std::size_t n) {
    for (; n >= 0x80; n >>= 7) buffer_.push_back(static_cast<char>(n | 0x80));
    buffer_.push_back(static_cast<char>(n));
  }
  template <class T>
  void put(const T& value) {
    if constexpr (detail::may_nest<T>) {
      const detail::Nesting inside(depth_);
      serializer<T>::write(*this, value);
    } else {
      serializer<T>::write(*this, value);
    }
  }
  /// Bytes from `grow(n)` are for the caller to fill before the next call.
  char* grow(std::size_t bytes) {
    const std::size_t old = buffer_.size();
    if (bytes >= detail::kLargeBytes) make_room(bytes);
    buffer_.resize(old + bytes);
    return buffer_.data() + old;
  }
  std::size_t size() const { return buffer_.size(); }
  /// What was written so far.
  std::string& buffer() { return buffer_; }

 private:
  // And a little more, so that what comes behind does not move it.
  void make_room(std::size_t bytes) {
    buffer_.reserve(buffer_.size() + bytes + bytes / 64);
    detail::expect_large(buffer_.data() + buffer_.size(), bytes);
  }

  std::string& buffer_;
  std::size_t depth_ = 0;
};

/// Takes values from bytes that stay alive and unchanged meanwhile. Too few bytes, or values nested
/// more than 1000 deep: SerializationError.
class Reader {
 public:
  /// Values that may take no bytes: a few bytes must not make a reader work for ever.
  static constexpr std::size_t kMostOfNothing = 1 << 24;

  explicit Reader(std::string_view bytes) : left_(bytes) {}

  /// `bytes` of the input, valid as long as the input is.
  std::string_view raw(std::size_t bytes) {
    if (bytes > left_.size()) detail::throw_too_short();
    const char* const taken = left_.data();
    left_.remove_prefix(bytes);
    return {taken, bytes};
  }
  /// A length that promises at least `unit` bytes for each; refused when more than the input holds.
  /// Where that says nothing, as `unit` is 0, the most is `kMostOfNothing`, or one for each byte.
  std::size_t length(std::size_t unit = 1) {
    std::uint64_t n = 0;
    for (int shift = 0;; shift += 7) {
      if (shift > 63) throw SerializationError("the payload holds a length that is too long");
      const auto byte = static_cast<unsigned char>(raw(1)[0]);
      n |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) break;
    }
    if (unit == 0 ? n > kMostOfNothing && n > left_.size() : n > left_.size() / unit)
      detail::throw_too_short();
    return static_cast<std::size_t>(n);
  }
  template <class T>
  T get() {
    if constexpr (detail::may_nest<T>) {
      const detail::Nesting inside(depth_);
      return serializer<T>::read(*this);
    } else {
      return serializer<T>::read(*this);
    }
  }
  std::size_t left() const { return left_.size(); }

 private:
  std::string_view left_;
  std::size_t depth_ = 0;
};

namespace detail {

// Seen by shape, so that no protobuf header is needed here.
template <class T>
concept protobuf_message = requires(const T& c, T& m, void* to, const void* from, int n) {
  { c.ByteSizeLong() } -> std::same_as<std::size_t>;
  { c.SerializeToArray(to, n) } -> std::same_as<bool>;
  { m.ParseFromArray(from, n) } -> std::same_as<bool>;
};

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

/// Any memory may be looked at as these.
template <class T>
inline constexpr bool is_byte =
    std::is_same_v<T, std::byte> || std::is_same_v<T, char> || std::is_same_v<T, unsigned char>;

template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;

template <class...>
inline constexpr bool never = false;

template <class T>
concept travels_as_it_is = plain<T> || protobuf_message<T> || std::is_same_v<T, std::string> ||
    is_a<T, std::vector> || is_std_array<T> || map_like<T> || set_like<T> || is_a<T, std::pair> ||
    is_a<T, std::tuple> || is_a<T, std::optional> || is_a<T, std::variant> ||
    std::is_same_v<T, std::monostate> || is_duration<T> || tieable<T>;

/// Says so once for each type, be it read or written.
template <class T>
constexpr void expect_to_travel() {
  static_assert(travels_as_it_is<T>,
                "flagship: this type cannot travel between processes; specialise "
                "flagship::serializer<T> for it");
}

}  // namespace detail

/// The serialisers of everything that travels without a line of code. Anything else does not
/// compile, in one sentence.
template <class T>
struct serializer {
  using general = T;  // a specialisation is told apart by not having it

  static void write(Writer& out, const T& value) {
    detail::expect_to_travel<T>();
    if constexpr (detail::plain<T>) {
      out.raw(&value, sizeof value);
    } else if constexpr (detail::protobuf_message<T>) {
      const std::size_t bytes = value.ByteSizeLong();
      if (bytes > 0x7FFFFFFF) throw SerializationError("the message is larger than 2 GiB");
      out.length(bytes);
      if (!value.SerializeToArray(out.grow(bytes), static_cast<int>(bytes)))
        throw SerializationError("the message could not be written: a required field is missing");
    } else if constexpr (std::is_same_v<T, std::string>) {
      out.length(value.size());
      out.raw(value.data(), value.size());
    } else if constexpr (detail::is_a<T, std::vector>) {
      write_vector(out, value);
    } else if constexpr (detail::is_std_array<T>) {
      for (const auto& item : value) out.put(item);
    } else if constexpr (detail::map_like<T>) {
      out.length(value.size());
      for (const auto& [key, item] : value) out.put(key), out.put(item);
    } else if constexpr (detail::set_like<T>) {
      out.length(value.size());
      for (const auto& item : value) out.put(item);
    } else if constexpr (detail::is_a<T, std::pair>) {
      out.put(value.first), out.put(value.second);
    } else if constexpr (detail::is_a<T, std::tuple>) {
      std::apply([&](const auto&... item) { (out.put(item), ...); }, value);
    } else if constexpr (detail::is_a<T, std::optional>) {
      out.put(value.has_value());
      if (value) out.put(*value);
    } else if constexpr (detail::is_a<T, std::variant>) {
      if (value.valueless_by_exception())
        throw SerializationError("a variant without a value cannot travel");
      out.length(value.index());
      std::visit([&](const auto& item) { out.put(item); }, value);
    } else if constexpr (std::is_same_v<T, std::monostate>) {
    } else if constexpr (detail::is_duration<T>) {
      out.put(value.count());
    } else if constexpr (detail::tieable<T>) {
      detail::tie(value, [&](const auto&... member) { (out.put(member), ...); });
    }
  }

  static T read(Reader& in) {
    detail::expect_to_travel<T>();
    if constexpr (std::is_same_v<T, bool>) {
      return in.raw(1)[0] != 0;
    } else if constexpr (detail::plain<T>) {
      T value;
      std::memcpy(&value, in.raw(sizeof value).data(), sizeof value);
      return value;
    } else if constexpr (detail::protobuf_message<T>) {
      const std::string_view bytes = in.raw(in.length());
      T value;
      if (bytes.size() > 0x7FFFFFFF ||
          !value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        throw SerializationError("the payload is not a message of its type");
      return value;
    } else if constexpr (std::is_same_v<T, std::string>) {
      return read_bytes(in);
    } else if constexpr (detail::is_a<T, std::vector>) {
      return read_vector(in);
    } else if constexpr (detail::is_std_array<T>) {
      return read_array(in, std::make_index_sequence<std::tuple_size_v<T>>{});
    } else if constexpr (detail::map_like<T>) {
      T value;
      for (std::size_t n = in.length(0); n > 0; --n) {
        auto key = in.get<typename T::key_type>();
        value.emplace(std::move(key), in.get<typename T::mapped_type>());
      }
      return value;
    } else if constexpr (detail::set_like<T>) {
      T value;
      for (std::size_t n = in.length(0); n > 0; --n) value.insert(in.get<typename T::key_type>());
      return value;
    } else if constexpr (detail::is_a<T, std::pair>) {
      return T{in.get<std::remove_const_t<typename T::first_type>>(),
               in.get<typename T::second_type>()};
    } else if constexpr (detail::is_a<T, std::tuple>) {
      return read_tuple(in, std::make_index_sequence<std::tuple_size_v<T>>{});
    } else if constexpr (detail::is_a<T, std::optional>) {
      if (!in.get<bool>()) return std::nullopt;
      return in.get<typename T::value_type>();
    } else if constexpr (detail::is_a<T, std::variant>) {
      return read_variant(in, in.length(0), std::make_index_sequence<std::variant_size_v<T>>{});
    } else if constexpr (std::is_same_v<T, std::monostate>) {
      return {};
    } else if constexpr (detail::is_duration<T>) {
      return T(in.get<typename T::rep>());
    } else if constexpr (detail::tieable<T>) {
      T value{};
      detail::tie(value, [&](auto&... member) {
        ((member = in.get<std::remove_cvref_t<decltype(member)>>()), ...);
      });
      return value;
    } else {
      std::abort();  // never compiled
    }
  }

 private:
  static constexpr bool bulk() {
    if constexpr (detail::is_a<T, std::vector>) return detail::as_it_lies<typename T::value_type>;
    return false;
  }

  static void write_vector(Writer& out, const T& value) {
    out.length(value.size());
    if constexpr (bulk()) {
      out.raw(value.data(), value.size() * sizeof(typename T::value_type));
    } else {
      for (const auto& item : value) out.put(static_cast<const typename T::value_type&>(item));
    }
  }

  // What is made of bytes is filled once, not cleared and then filled.
  static T read_bytes(Reader& in) {
    using Item = typename T::value_type;
    const std::string_view bytes = in.raw(in.length());
    const auto* const from = reinterpret_cast<const Item*>(bytes.data());
    T value;
    value.reserve(bytes.size());
    if (bytes.size() >= detail::kLargeBytes) detail::expect_large(value.data(), bytes.size());
    value.insert(value.end(), from, from + bytes.size());
    return value;
  }

  static T read_vector(Reader& in) {
    using Item = typename T::value_type;
    if constexpr (detail::is_byte<Item>) {
      return read_bytes(in);
    } else if constexpr (bulk()) {
      T value(in.length(sizeof(Item)));
      const std::string_view bytes = in.raw(value.size() * sizeof(Item));
      if (!value.empty()) std::memcpy(value.data(), bytes.data(), bytes.size());
      return value;
    } else {
      T value;
      const std::size_t n = in.length(0);
      value.reserve(n < in.left() ? n : in.left());
      for (std::size_t i = 0; i < n; ++i) value.push_back(in.get<Item>());
      return value;
    }
  }

  template <std::size_t... I>
  static T read_array(Reader& in, std::index_sequence<I...>) {
    return T{((void)I, in.get<typename T::value_type>())...};
  }

  template <std::size_t... I>
  static T read_tuple(Reader& in, std::index_sequence<I...>) {
    return T{in.get<std::tuple_element_t<I, T>>()...};
  }

  template <std::size_t... I>
  static T read_variant(Reader& in, std::size_t index, std::index_sequence<I...>) {
    std::optional<T> value;
    ((I == index
          ? void(value.emplace(std::in_place_index<I>, in.get<std::variant_alternative_t<I, T>>()))
          : void()),
     ...);
    if (!value)
      throw SerializationError("the payload names an alternative that the variant does not have");
    return *std::move(value);
  }
};

}  // namespace flagship
