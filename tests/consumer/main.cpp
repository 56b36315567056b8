// SPDX-License-Identifier: MIT
// The README's program.

#include <flagship/flagship.hpp>
#include <iostream>
#include <ranges>
#include <vector>

int square(int x) { return x * x; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);  // a worker is this same program, run again
  flagship::ProcessPoolExecutor pool({.max_workers = 4});
  std::vector<flagship::Future<int>> squares;
  for (int i = 0; i < 100; ++i) squares.push_back(pool.submit<square>(i));
  for (auto& done : flagship::as_completed(squares)) std::cout << done.result() << ' ';
  for (int y : pool.map<square>(std::views::iota(0, 100))) std::cout << y << ' ';  // in order
}
