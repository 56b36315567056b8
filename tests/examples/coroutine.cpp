// SPDX-License-Identifier: MIT
// Futures can be awaited: a coroutine reads as if its calls were made here.
#include <coroutine>
#include <flagship/flagship.hpp>
#include <iostream>
#include <utility>

/// The least coroutine that can be waited for: its result is a future, too.
struct Job {
  struct promise_type {
    flagship::Promise<int> result;
    Job get_return_object() { return {result.future()}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_value(int value) { result.set_result(value); }
    void unhandled_exception() { result.set_exception(std::current_exception()); }
  };
  flagship::Future<int> result;
};

int square(int x) { return x * x; }
int add(int a, int b) { return a + b; }

Job square_and_add(flagship::AnyExecutor pool, int x, int more) {
  const int squared = co_await pool.submit<square>(x);
  const int sum = co_await pool.submit<add>(squared, more);
  std::cout << "square of " << x << " is " << squared << ", and " << more << " more is " << sum
            << '\n';
  co_return sum;
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 2});
  const Job small = square_and_add(pool, 12, 1), large = square_and_add(pool, 1000, 7);
  return small.result.result() + large.result.result() == 1'000'152 ? 0 : 1;
}
