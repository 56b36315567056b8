// SPDX-License-Identifier: MIT
// A library that crashes on some input costs the call that used it, and nothing else.
#include <cstdlib>
#include <flagship/flagship.hpp>
#include <iostream>
#include <string>

/// Somebody else's, and not to be changed: aborts on what it does not expect.
int third_party_parse(const std::string& text) {
  if (text.find_first_not_of("0123456789") != std::string::npos) std::abort();
  return std::stoi(text);
}

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool({.max_workers = 1});

  int parsed = 0, crashed = 0;
  for (const std::string text : {"1", "22", "333", "4x4", "5", "66", "777", "8"}) {
    try {
      const int number = pool.submit<third_party_parse>(text).result();
      std::cout << text << " is " << number << '\n';
      ++parsed;
    } catch (const flagship::WorkerDied& death) {
      std::cout << text << " is no number: " << death.what() << '\n';
      ++crashed;
    }
  }
  std::cout << parsed << " parsed, " << crashed << " crashed its worker\n";
}
