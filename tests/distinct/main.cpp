// SPDX-License-Identifier: MIT
// Functions that compilers and linkers might take for one another: each has to be the one that was
// named.
#include "distinct.hpp"

#include <iostream>

template <int By>
int scaled(int x) {
  return x * By;
}

Answers ask_lambdas(flagship::AnyExecutor pool) {
  Answers answers;
  ask<[](int x) { return x + 5; }>(pool, answers);
  ask<[](int x) { return x + 6; }>(pool, answers);
  ask<[](int x) { return x + 7; }>(pool, answers);
  ask<[](int x) { return x + 8; }>(pool, answers);
  return answers;
}

Answers ask_instantiations(flagship::AnyExecutor pool) {
  Answers answers;
  ask<scaled<2>>(pool, answers);
  ask<scaled<3>>(pool, answers);
  return answers;
}

Answers ask_for_the_librarys(flagship::AnyExecutor pool) {
  Answers answers;
  ask<plus_in_library>(pool, answers);
  return answers;
}

int wrong = 0;

void expect(const char* what, const Answers& answers, const Answers& expected) {
  std::cout << what << ':';
  for (const int answer : answers) std::cout << ' ' << answer;
  std::cout << (answers == expected ? "" : "  WRONG") << '\n';
  wrong += answers == expected ? 0 : 1;
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  expect("static functions and lambdas, in one file", ask_left(pool), {101, 101, 1001, 1001});
  expect("the same names in another", ask_right(pool), {102, 102, 1002, 1002});
  expect("and in a shared library", ask_library(pool), {103, 103, 104, 104, 1003, 1003});
  expect("a function of the library, from here", ask_for_the_librarys(pool), {104, 104});
  expect("four lambdas in one function", ask_lambdas(pool),
         {105, 105, 106, 106, 107, 107, 108, 108});
  expect("two instantiations", ask_instantiations(pool), {200, 200, 300, 300});
  std::cout << (wrong == 0 ? "all distinct" : "not all distinct") << '\n';
  return wrong;
}
