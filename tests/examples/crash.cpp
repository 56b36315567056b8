// SPDX-License-Identifier: MIT
// A library that crashes on some input costs the call that used it, and nothing else.
#include <cstdlib>
#include <flagship/flagship.hpp>
#include <iostream>
#include <string>
#include <vector>

/// Somebody else's, and not to be changed: aborts on what it does not expect.
int third_party_parse(const std::string& text) {
  if (text.find_first_not_of("0123456789") != std::string::npos) std::abort();
  return std::stoi(text);
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 2});

  std::vector<flagship::Future<int>> numbers;
  for (const std::string text : {"1", "22", "333", "4x4", "5", "66", "777", "8"})
    numbers.push_back(pool.submit<third_party_parse>(text));

  int parsed = 0, crashed = 0;
  for (const auto& number : numbers) {
    try {
      std::cout << number.result() << '\n';
      ++parsed;
    } catch (const flagship::WorkerDied& death) {
      std::cout << "not a number: " << death.what() << '\n';
      ++crashed;
    }
  }
  std::cout << parsed << " parsed, " << crashed << " crashed its worker\n";
}
