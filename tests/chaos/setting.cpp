// SPDX-License-Identifier: MIT
#include "tests/chaos/setting.hpp"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "common/os/sanitizers.hpp"

namespace flagship::chaos {
namespace {

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::optional(std::stoull(text)) : std::nullopt;
}

int number_from(const char* variable, int otherwise) {
  return static_cast<int>(number_from(variable).value_or(static_cast<std::uint64_t>(otherwise)));
}

}  // namespace

int calls() { return number_from("FLAGSHIP_CHAOS_CALLS", kSanitized ? 3'000 : 5'000); }

int kills() { return number_from("FLAGSHIP_CHAOS_KILLS", kSanitized ? 3 : 12); }

bool at_length() { return number_from("FLAGSHIP_CHAOS_CALLS").has_value(); }

Dice::Dice()
    : seed_(number_from("FLAGSHIP_CHAOS_SEED").value_or(std::random_device()())), numbers_(seed_) {
  std::printf("FLAGSHIP_CHAOS_SEED=%llu\n", static_cast<unsigned long long>(seed_));
}

}  // namespace flagship::chaos
