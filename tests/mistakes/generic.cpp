// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.submit<[](auto x) { return x; }>(1);
}
