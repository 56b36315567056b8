// SPDX-License-Identifier: MIT
// A worker executable that is not the program which uses it: it knows tasks by name only.
#include <cstdlib>
#include <flagship/flagship.hpp>
#include <stdexcept>
#include <string>

namespace {

std::string greet(const std::string& name) { return "hello " + name + ", from elsewhere"; }

struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};
int refuse(int number) { throw Refused(std::to_string(number) + " is refused"); }

[[gnu::noinline]] int crash_elsewhere(int number) {
  if (number > 0) std::abort();
  return number;
}

}  // namespace

FLAGSHIP_TASK("test.crash", crash_elsewhere)
FLAGSHIP_TASK("test.greet", greet)
FLAGSHIP_TASK("test.refuse", refuse)
FLAGSHIP_EXCEPTION(Refused)

int main(int argc, char** argv) { flagship::init(argc, argv); }
