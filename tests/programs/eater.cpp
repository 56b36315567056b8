// SPDX-License-Identifier: MIT
// A program whose worker takes more memory than there is in the cgroup that it goes into, and
// another that is killed for no such reason. usage: test_eater PROCS
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <flagship/flagship.hpp>
#include <fstream>
#include <vector>

namespace {

void eat() {
  std::ofstream("/proc/self/oom_score_adj") << 1000;  // it, and not who started it
  for (std::vector<char*> kept;; kept.push_back(new char[1 << 20]))
    if (!kept.empty()) std::memset(kept.back(), 1, 1 << 20);
}
void be_killed() { raise(SIGKILL); }

template <auto F>
void tell(flagship::ProcessPoolExecutor& pool) {
  try {
    pool.submit<F>().result();
  } catch (const flagship::WorkerDied& died) {
    std::printf("%s %s\n", died.signal_name().c_str(),
                died.out_of_memory() ? "out of memory" : "not for memory");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  if (argc != 2 || !(std::ofstream(argv[1]) << getpid() << std::flush)) return 2;
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  tell<be_killed>(pool);
  tell<eat>(pool);
  tell<be_killed>(pool);
  return 0;
}
