// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "master/fetch/appended_file.hpp"
#include "master/fetch/run.hpp"

namespace flagship::fetch {

/// How each item ended, as messages FetchReport (proto/flagship/v1/fetch.proto) that are appended
/// to a file, each behind its length as a varint: what protobuf's own readers of delimited messages
/// take.
class ProtobufReport final : public Observer {
 public:
  /// Throws std::runtime_error with a sentence.
  explicit ProtobufReport(std::string path) : file_("report", std::move(path)) {}

  /// Nothing comes any more. Why it was not written to its end; empty: it was.
  const std::string& finish();

  void ended(const ItemReport& report, const Totals& totals) override;
  std::optional<std::chrono::steady_clock::time_point> idle(const Totals& totals) override;

 private:
  AppendedFile file_;
  std::string record_;
};

}  // namespace flagship::fetch
