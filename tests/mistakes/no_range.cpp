// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>

int square(int x) { return x * x; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.map<square>(100);
}
