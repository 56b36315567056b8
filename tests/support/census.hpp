// SPDX-License-Identifier: MIT
// Counts what a test may leave behind in its process: children, descriptors, a pool's private
// folders.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <map>
#include <set>
#include <string>

namespace flagship::test {

/// The children of all threads of this process, zombies included.
std::set<pid_t> child_processes();
/// Open descriptors, and what each is.
std::map<int, std::string> open_descriptors();
/// Private folders of pools of a process; 0: of this one.
std::set<std::string> run_folders(pid_t pid = 0);
/// What ps shows of a process; empty when there is none, or only a zombie.
std::string command_of(pid_t pid);
/// True when the process has ended, also when nobody has waited for it yet.
bool is_gone(pid_t pid);

/// Fails each test that leaves something behind, after waiting for it to go.
class Census : public testing::EmptyTestEventListener {
 public:
  void OnTestStart(const testing::TestInfo&) override;
  void OnTestEnd(const testing::TestInfo&) override;

 private:
  std::set<pid_t> children_;
  std::map<int, std::string> descriptors_;
  std::set<std::string> folders_;
};

/// To be called in main, once googletest is initialised.
void install_census();

}  // namespace flagship::test
