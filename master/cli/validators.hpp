// SPDX-License-Identifier: MIT
// How option values are read, with a sentence for what cannot be.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>

#include "common/units.hpp"

namespace flagship::cli {

/// "500ms", "2s", "1m"; a plain number is seconds.
inline CLI::Option* add_duration(CLI::App& app, const std::string& name,
                                 std::chrono::milliseconds& value, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [name, &value](const std::string& text) {
            const auto parsed = parse_duration(text);
            if (!parsed)
              throw CLI::ValidationError(name, "'" + text + "' is not a time like 500ms, 2s or 1m");
            value = *parsed;
          },
          help)
      ->type_name("T");
}

/// A whole number from `least` to `most`.
template <class T>
CLI::Option* add_count(CLI::App& app, const std::string& name, T& value, long long least,
                       const std::string& help, long long most = 1'000'000'000) {
  return app
      .add_option_function<std::string>(
          name,
          [name, least, most, &value](const std::string& text) {
            long long number = 0;
            const auto [rest, error] =
                std::from_chars(text.data(), text.data() + text.size(), number);
            const bool whole = error == std::errc() && rest == text.data() + text.size();
            if (error == std::errc::result_out_of_range || (whole && number > most))
              throw CLI::ValidationError(name,
                                         "'" + text + "' is more than " + std::to_string(most));
            if (!whole || number < least)
              throw CLI::ValidationError(name, "'" + text + "' is not a whole number of at least " +
                                                   std::to_string(least));
            value = static_cast<int>(number);
          },
          help)
      ->type_name("N");
}

}  // namespace flagship::cli
