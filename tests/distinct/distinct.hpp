// SPDX-License-Identifier: MIT
#pragma once

#include <flagship/flagship.hpp>
#include <vector>

/// What one file's functions answered to 100: a call first, then a map over one item.
using Answers = std::vector<int>;

template <auto F>
void ask(flagship::AnyExecutor pool, Answers& answers) {
  answers.push_back(pool.submit<F>(100).result());
  for (const int answer : pool.map<F>(Answers{100})) answers.push_back(answer);
}

Answers ask_left(flagship::AnyExecutor pool);
Answers ask_right(flagship::AnyExecutor pool);

// In a shared library of the user's.
int plus_in_library(int x);
Answers ask_library(flagship::AnyExecutor pool);
