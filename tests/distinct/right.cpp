// SPDX-License-Identifier: MIT
#include "distinct.hpp"

static int plus(int x) { return x + 2; }

Answers ask_right(flagship::AnyExecutor pool) {
  Answers answers;
  ask<plus>(pool, answers);
  ask<[](int x) { return x * 10 + 2; }>(pool, answers);
  return answers;
}
