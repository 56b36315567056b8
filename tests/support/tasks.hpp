// SPDX-License-Identifier: MIT
// What tests have executors run.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <any>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

#include "tests/support/census.hpp"
#include "tests/support/gate.hpp"

namespace flagship::test {

inline int square(int x) { return x * x; }
inline int add(int a, int b) { return a + b; }
inline void nothing() {}
inline std::string echo(const std::string& text) { return text; }
inline std::string letters(std::size_t count) { return std::string(count, 'x'); }

inline pid_t own_pid() { return getpid(); }
inline pid_t own_group() { return getpgrp(); }
inline std::string own_command() { return command_of(getpid()); }

inline int wait_at(const std::string& gate, int value) {
  pass(gate);
  return value;
}
/// How often it was called with that file before.
inline int count(const std::string& file) { return static_cast<int>(count_up(file)); }
inline void for_ever() {
  for (;;) pause();
}

inline void segfault() {
  signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would tell a longer story
  raise(SIGSEGV);
}
inline void leave(int code) { _exit(code); }
inline void leave_by_exit(int code) { std::exit(code); }
inline void die() { raise(SIGKILL); }
/// Kills its worker the first `times` times.
inline int die_at_first(const std::string& file, std::size_t times) {
  const std::size_t before = count_up(file);
  if (before < times) raise(SIGKILL);
  return static_cast<int>(before);
}
inline int throw_at_first(const std::string& file, std::size_t times) {
  const std::size_t before = count_up(file);
  if (before < times) throw std::runtime_error("not yet");
  return static_cast<int>(before);
}

struct OwnError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void throw_kind(const std::string& kind) {
  if (kind == "out_of_range") throw std::out_of_range("no such item");
  if (kind == "own") throw OwnError("of my own");
  if (kind == "int") throw 7;
  if (kind == "zero") throw 0;
  if (kind == "silent") throw std::runtime_error("");
  if (kind == "system") throw std::system_error(ENOENT, std::generic_category(), "opening it");
  if (kind == "bytes") throw std::runtime_error("not \xff utf-8");
  if (kind == "bad_any_cast") throw std::bad_any_cast();
}

}  // namespace flagship::test
