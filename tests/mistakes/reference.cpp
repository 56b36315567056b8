// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>

void increment(int& x) { ++x; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.submit<increment>(1);
}
