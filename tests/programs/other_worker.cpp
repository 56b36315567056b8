// SPDX-License-Identifier: MIT
// A worker executable that is not the program which uses it: it knows tasks by name only.
#include <flagship/flagship.hpp>
#include <string>

namespace {

std::string greet(const std::string& name) { return "hello " + name + ", from elsewhere"; }

}  // namespace

FLAGSHIP_TASK("test.greet", greet)

int main(int argc, char** argv) { flagship::init(argc, argv); }
