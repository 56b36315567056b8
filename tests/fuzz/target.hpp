// SPDX-License-Identifier: MIT
// A fuzz target is a function that is called with any bytes whatever and must come back:
//
//   FUZZ_TARGET(name) { parse(bytes); }
//
// libFuzzer calls it in the preset `fuzz`; in every other build it is called with the files of its
// corpus, as the test fuzz.name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace flagship::fuzz {

/// What must be true of any input; otherwise the program ends, and libFuzzer keeps the input.
inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not true: %s\n", what);
  std::abort();
}

/// Takes numbers off the front of the input, zeros when it has ended: what is left is the text.
template <class T>
T take(std::string_view& bytes) {
  T value{};
  const std::size_t size = bytes.size() < sizeof value ? bytes.size() : sizeof value;
  std::memcpy(&value, bytes.data(), size);
  bytes.remove_prefix(size);
  return value;
}

/// Reads every byte, so that AddressSanitizer sees each of them.
inline void touch(std::string_view bytes) {
  [[maybe_unused]] static volatile unsigned sum = 0;
  unsigned all = 0;
  for (const char byte : bytes) all += static_cast<unsigned char>(byte);
  sum = all;
}

using Target = void (*)(std::string_view bytes);
bool register_target(const char* name, Target target);

}  // namespace flagship::fuzz

#ifdef FLAGSHIP_LIBFUZZER
#define FUZZ_TARGET(name)                                                             \
  static void fuzz_##name(std::string_view bytes);                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_##name({reinterpret_cast<const char*>(data), size});                         \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(std::string_view bytes)
#else
#define FUZZ_TARGET(name)                                  \
  static void fuzz_##name(std::string_view bytes);         \
  [[maybe_unused]] static const bool registered_##name =   \
      flagship::fuzz::register_target(#name, fuzz_##name); \
  static void fuzz_##name(std::string_view bytes)
#endif
