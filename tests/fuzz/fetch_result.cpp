// SPDX-License-Identifier: MIT
// How a download ended, as its worker says, and what is told of it. The key and the URL are in the
// first two lines of the input, since they come from outside as well.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <string>

#include "flagship/serializer.hpp"
#include "flagship/v1/fetch.pb.h"
#include "master/fetch/report.hpp"
#include "master/fetch/retry.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace flagship;
using namespace flagship::fetch;
using fuzz::check;

std::string take_line(std::string_view& bytes) {
  const std::string line(bytes.substr(0, bytes.find('\n')));
  bytes.remove_prefix(std::min(bytes.size(), line.size() + 1));
  return line;
}

bool is_one_line(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) >= 0x20; });
}

void check_retries(const v1::FetchResult& result) {
  const RetryPolicy policy;
  for (const int attempt : {1, 4, 5}) {
    const auto wait = wait_before_retry(policy, result, attempt, 0.5);
    check(!wait || (attempt <= policy.retries && wait->count() >= 0 &&
                    *wait <= std::max(policy.longest, policy.longest_retry_after)),
          "nobody waits for ever");
  }
  const auto pause = asked_pause(policy, result);
  check(!pause || *pause <= policy.longest_retry_after, "no server is waited for, for ever");
}

}  // namespace

FUZZ_TARGET(fetch_result) {
  [[maybe_unused]] static auto* const silenced = google::protobuf::SetLogHandler(nullptr);
  ItemReport report;
  report.item.key = take_line(bytes);
  report.item.url = take_line(bytes);
  try {
    Reader in(bytes);
    report.result = in.get<v1::FetchResult>();
  } catch (const SerializationError&) {
    return;
  }
  check_retries(report.result);
  check(is_one_line(json_line(report)), "a line of JSON is one");
  const std::string line = text_line(report);
  check(is_one_line(line) && line.find('\x7F') == std::string::npos,
        "a line for people is one, and moves no cursor");
}
