// SPDX-License-Identifier: MIT
// What becomes of executors that are at work when their program ends.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/child.hpp"
#include "tests/support/gate.hpp"

namespace flagship::test {

/// Runs tests/programs/leaver, which leaves main while its calls wait at the gate, and prints how
/// each of them ended: nothing else, and no error.
inline void expect_to_leave(const std::string& how, const std::string& kind,
                            const std::vector<std::string>& endings) {
  Gate gate;
  Child program({"/bin/sh", "-c", R"(exec "$0" "$@" 2>&1)", TEST_LEAVER, how, kind, gate.path()});
  std::vector<std::string> lines;
  for (std::string line = program.read_line(); !line.empty(); line = program.read_line()) {
    if (line == "leaving")
      gate.open();
    else
      lines.push_back(line);
  }
  EXPECT_THAT(lines, testing::UnorderedElementsAreArray(endings));
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace flagship::test
