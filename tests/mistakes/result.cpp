// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>
#include <vector>

std::vector<int*> pointers() { return {}; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.submit<pointers>();
}
