// SPDX-License-Identifier: MIT
#include <flagship/flagship.hpp>

int length(const int* numbers) { return numbers[0]; }

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  flagship::ProcessPoolExecutor pool;
  pool.submit<length>(nullptr);
}
