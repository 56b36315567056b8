// SPDX-License-Identifier: MIT
// A worker program with one task that does whatever wrong thing it is told to.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <flagship/flagship.hpp>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr uid_t kNobody = 65534;

[[noreturn]] void hang() {
  for (;;) pause();
}

[[gnu::noinline]] void crash() {
  std::fprintf(stderr, "about to crash\n");
  volatile int* nowhere = nullptr;
  asm volatile("" : "+r"(nowhere));
  *nowhere = 1;
}

[[noreturn]] void eat() {
  for (std::vector<char*> eaten;;) {
    eaten.push_back(static_cast<char*>(std::malloc(1 << 20)));
    if (eaten.back() != nullptr) std::memset(eaten.back(), 1, 1 << 20);
  }
}

int chat() {
  constexpr int kLines = 20'000;
  for (int i = 0; i < kLines; ++i) std::printf("line %d of a chatty task\n", i);
  return kLines;
}

// Root is not held by the limit: as anybody else.
int bomb() {
  if (geteuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) return -1;
  for (int children = 0; children < 100'000; ++children) {
    const pid_t child = fork();
    if (child < 0) return errno == EAGAIN ? children : -1;
    if (child == 0) hang();
  }
  return -1;
}

/// A process that nothing but SIGKILL ends, in this one's group.
int keep_a_child() {
  const pid_t child = fork();
  if (child != 0) return child;
  for (const int number : {SIGHUP, SIGINT, SIGTERM}) signal(number, SIG_IGN);
  hang();
}

}  // namespace

int misbehave(const std::string& how, const std::string& note) {
  if (how == "throw") throw std::out_of_range("no such item");
  if (how == "crash") crash();
  if (how == "exit") _exit(3);
  if (how == "eat") eat();
  if (how == "chat") return chat();
  if (how == "bomb") return bomb();
  if (how == "ignore SIGTERM") signal(SIGTERM, SIG_IGN);
  if (how == "keep a child") return keep_a_child();
  if (how == "keep a child and crash" || how == "keep a child and hang")
    std::ofstream(note) << keep_a_child() << std::endl;
  if (how.ends_with("crash")) crash();
  if (how.ends_with("hang") || how == "ignore SIGTERM") hang();
  return getpid();
}

FLAGSHIP_TASK("misbehave", misbehave)

int main(int argc, char** argv) { flagship::init(argc, argv); }
