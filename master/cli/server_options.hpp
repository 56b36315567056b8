// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <optional>
#include <string>

#include "master/serve/server.hpp"

namespace flagship::cli {

/// The practice server as it is asked for on the command line, by `serve` and by `fetch`.
struct ServerOptions {
  std::optional<std::string> delay;
  std::optional<double> error_rate;
  std::optional<std::string> fault;
  std::string root;

  bool any() const { return delay || error_rate || fault; }

  /// Throws std::invalid_argument with a sentence that names the option.
  serve::Options practice_options() const {
    serve::Options options;
    options.root = root;
    try {
      if (delay) serve::parse_delay(*delay, options);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(std::string("--delay: ") + error.what());
    }
    try {
      if (fault) options.fault = serve::parse_fault(*fault);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(std::string("--fault: ") + error.what());
    }
    options.error_rate = error_rate.value_or(0);
    if (error_rate && *error_rate == 0) options.fault = {};  // never, rather than each
    return options;
  }
};

/// NaN, which compares as neither too small nor too large, is no share.
inline std::string is_share(const std::string& text) {
  double number = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool share =
      error == std::errc() && rest == text.data() + text.size() && number >= 0 && number <= 1;
  return share ? "" : "'" + text + "' is not a number from 0 to 1";
}

inline void add_server_options(CLI::App& command, ServerOptions& options) {
  command
      .add_option("--delay", options.delay, "Delay each answer by A..B seconds, or by exactly A")
      ->type_name("A[..B]");
  command.add_option("--error-rate", options.error_rate, "Share of requests that fail, 0 to 1")
      ->check(is_share)
      ->type_name("P");
  command
      .add_option("--fault", options.fault, "How they fail: reset, truncate, slow, status:418,503")
      ->type_name("KIND");
}

}  // namespace flagship::cli
