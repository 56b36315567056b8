// SPDX-License-Identifier: MIT
// What the practice server is asked for, and how it is told to delay and to fail.
#include "master/serve/site.hpp"

#include <stdexcept>

#include "master/serve/server.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(site) {
  using namespace flagship::serve;
  using flagship::fuzz::check;
  static const Site& site = *new Site({{"br", "a flag"}}, {});
  const Reply& reply = site.find(bytes);
  check(reply.body == "a flag" || reply.head.starts_with("HTTP/1.1 404"), "a flag, or a 404");
  const std::string text(bytes);
  try {
    Options options;
    parse_delay(text, options);
    check(options.delay_min.count() >= 0 && options.delay_min <= options.delay_max,
          "a delay is from the shorter to the longer time");
  } catch (const std::invalid_argument&) {
  }
  try {
    for (const int status : parse_fault(text).statuses)
      check(status >= 100 && status <= 599, "a status is one");
  } catch (const std::invalid_argument&) {
  }
}
