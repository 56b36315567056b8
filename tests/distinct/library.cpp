// SPDX-License-Identifier: MIT
// A shared library of the user's: functions that its own code submits, and one that the program
// submits.
#include "distinct.hpp"

static int plus(int x) { return x + 3; }

__attribute__((visibility("default"))) int plus_in_library(int x) { return x + 4; }

__attribute__((visibility("default"))) Answers ask_library(flagship::AnyExecutor pool) {
  Answers answers;
  ask<plus>(pool, answers);
  ask<plus_in_library>(pool, answers);
  ask<[](int x) { return x * 10 + 3; }>(pool, answers);
  return answers;
}
