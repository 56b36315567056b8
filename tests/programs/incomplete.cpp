// SPDX-License-Identifier: MIT
// A worker program that the loader does not find a library of.
#include <flagship/flagship.hpp>

int part();

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  return part();
}
