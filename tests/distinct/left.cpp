// SPDX-License-Identifier: MIT
#include "distinct.hpp"

static int plus(int x) { return x + 1; }

Answers ask_left(flagship::AnyExecutor pool) {
  Answers answers;
  ask<plus>(pool, answers);
  ask<[](int x) { return x * 10 + 1; }>(pool, answers);
  return answers;
}
