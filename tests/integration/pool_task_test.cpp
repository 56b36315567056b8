// SPDX-License-Identifier: MIT
// What can be a task: kinds of functions.
#include <gtest/gtest.h>

#include <flagship/flagship.hpp>
#include <string>
#include <vector>

#include "tests/support/patience.hpp"

namespace {

using namespace flagship;
using namespace flagship::test;

const std::string& greeting(const int& number) {
  static std::string text;
  text = "hello " + std::to_string(number);
  return text;
}
std::string consume(std::string&& text, const std::vector<int>& numbers) noexcept {
  return text + std::to_string(numbers.size());
}
struct Shape {
  static int corners(const int shape) { return shape; }
};
template <class T>
T largest(const std::vector<T>& values) {
  T most = values.front();
  for (const T& value : values) most = most < value ? value : most;
  return most;
}

template <class Pool>
void expect_all_kinds(Pool& pool) {
  EXPECT_EQ(pool.template submit<greeting>(7).result(kPatience), "hello 7");
  std::vector<std::string> greetings;
  for (const std::string& text : pool.template map<greeting>(std::vector{1, 2}))
    greetings.push_back(text);
  EXPECT_EQ(greetings, (std::vector<std::string>{"hello 1", "hello 2"}));
  EXPECT_EQ(pool.template submit<consume>("three", std::vector{1, 2, 3}).result(kPatience),
            "three3");
  EXPECT_EQ(pool.template submit<&Shape::corners>('\4').result(kPatience), 4);
  EXPECT_EQ(pool.template submit<largest<double>>(std::vector{1.5, 2.5}).result(kPatience), 2.5);
  EXPECT_EQ(pool.template submit<largest<std::string>>(std::vector<std::string>{"b", "a"})
                .result(kPatience),
            "b");
  EXPECT_EQ(
      (pool.template submit<[](int a, int b) noexcept { return a - b; }>(9, 4).result(kPatience)),
      5);
}

TEST(Tasks, of_a_process_pool_are_functions_of_any_kind) {
  ProcessPoolExecutor pool({.max_workers = 1});
  expect_all_kinds(pool);
}

TEST(Tasks, of_a_thread_pool_are_functions_of_any_kind) {
  ThreadPoolExecutor pool({.max_workers = 1});
  expect_all_kinds(pool);
}

}  // namespace
