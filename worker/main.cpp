// SPDX-License-Identifier: MIT
// flagship-worker: the process that downloads for `flagship fetch`. Started by it, not by hand.
#include <cstdio>

#include "worker/fetch/runner.hpp"
#include "worker/runtime/entry.hpp"

int main(int argc, char** argv) {
  using namespace flagship::worker;
  enter_if_started_by_supervisor(argc, argv, run_fetches, prepare_fetches);
  std::fputs("flagship-worker is started by flagship; run 'flagship --help'\n", stderr);
  return 2;
}
