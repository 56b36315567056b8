// SPDX-License-Identifier: MIT
// Forgets to call flagship::init, and says what a pool makes of that.
#include <flagship/flagship.hpp>
#include <iostream>
#include <stdexcept>

int main() {
  try {
    flagship::ProcessPoolExecutor pool({.max_workers = 1});
    std::cout << "no error\n";
    return 1;
  } catch (const std::logic_error& error) {
    std::cout << error.what() << '\n';
  }
}
