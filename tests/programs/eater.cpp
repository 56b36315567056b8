// SPDX-License-Identifier: MIT
// A program whose worker takes more memory than there is in the cgroup that it goes into, and
// another that is killed for no such reason. usage: test_eater PROCS
// As somebody who may make no cgroups, with a limit of its own: test_eater --limit BYTES
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <flagship/flagship.hpp>
#include <fstream>
#include <string>
#include <vector>

namespace {

void eat() {
  std::ofstream("/proc/self/oom_score_adj") << 1000;  // it, and not who started it
  for (std::vector<char*> kept;; kept.push_back(new char[1 << 20]))
    if (!kept.empty()) std::memset(kept.back(), 1, 1 << 20);
}
/// With time to be looked at.
void eat_slowly() {
  for (std::vector<char*> kept;; usleep(100)) {
    kept.push_back(new char[1 << 20]);
    std::memset(kept.back(), 1, 1 << 20);
  }
}
void be_killed() { raise(SIGKILL); }
void nothing() {}

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

bool drop_root() {
  constexpr uid_t kNobody = 65534;
  return geteuid() != 0 || (setgid(kNobody) == 0 && setuid(kNobody) == 0);
}

int eat_above(std::size_t bytes) {
  if (!drop_root()) return 2;
  flagship::ProcessPoolExecutor pool({.max_workers = 1, .limits = {.memory = bytes}});
  pool.submit<nothing>().result();
  for (const flagship::IsolationLayer& layer : pool.status().workers.at(0).isolation)
    if (layer.name == "memory") std::printf("%s\n", layer.detail.c_str());
  std::fflush(stdout);
  tell<eat_slowly>(pool);
  tell<be_killed>(pool);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  if (argc == 3) return eat_above(std::stoul(argv[2]));
  if (argc != 2 || !(std::ofstream(argv[1]) << getpid() << std::flush)) return 2;
  flagship::ProcessPoolExecutor pool({.max_workers = 1});
  tell<be_killed>(pool);
  tell<eat>(pool);
  tell<be_killed>(pool);
  return 0;
}
