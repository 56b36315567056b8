// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>

int add(int a, int b) { return a + b; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.submit<add>(1);
}
