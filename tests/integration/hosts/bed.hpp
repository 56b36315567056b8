// SPDX-License-Identifier: MIT
// Test-beds of scripts/testbed: several hosts on this machine.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/program.hpp"

namespace flagship::testing {

using Words = std::vector<std::string>;

/// One that is up. It goes with the object, and with this process however that ends. One thread.
class Bed {
 public:
  /// This machine cannot have one; what it says is why, and what to do.
  struct Missing : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  struct Process {
    std::string host;
    pid_t pid = 0;  // as it is known to this process
    std::string command;
    friend std::ostream& operator<<(std::ostream& out, const Process& process) {
      return out << process.host << ": " << process.command;
    }
  };

  /// `kind` is the script. Throws Missing, or std::runtime_error with what the script says.
  explicit Bed(const std::string& kind);
  virtual ~Bed();
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  /// Where a host has its home, run and tmp.
  std::filesystem::path folder_of(const std::string& host) const { return folder_ / host; }
  std::string address_of(const std::string& host) const;

  /// What is to be run on a host, to its end with `on`, or as a Program, which is then not the
  /// command but what waits for it: see `run_by`.
  Command command(const std::string& host, Words words) const;
  Ended on(const std::string& host, Words words) const { return run(command(host, words)); }
  /// The command's own process. Waits for it.
  static pid_t run_by(const Program& program);
  /// In a thread of this process that has the network of the host: where a socket is made is where
  /// it stays.
  void with_network_of(const std::string& host, const std::function<void()>& action) const;

  void cut(const std::string& host) const { do_or_throw({"cut", host}); }
  void heal(const std::string& host) const { do_or_throw({"heal", host}); }
  /// "delay 25ms loss 5%", either way; empty: as it was.
  void disturb(const std::string& host, const std::string& netem) const;

  /// What runs there besides the bed itself; without hosts: on all.
  std::vector<Process> processes(const Words& hosts = {}) const;
  /// Those of a host whose command has that in it.
  std::vector<Process> processes_like(const std::string& host, const std::string& text) const;
  std::vector<Process> agents(const std::string& host) const;
  std::vector<Process> workers(const std::string& host) const;

  Ended script(Words words) const;
  void do_or_throw(Words words) const;

 protected:
  virtual Words exec_on(const std::string& host) const = 0;

 private:
  const std::string script_;
  std::filesystem::path folder_;
};

/// Three hosts with sshd, a login node where `ssh h1` works, and a server.
class NetnsBed : public Bed {
 public:
  NetnsBed() : Bed("netns") {}
  static std::string login() { return "master"; }
  static Words hosts() { return {"h1", "h2", "h3"}; }
  /// What a hosts file says of them, with two workers on each.
  static std::string in_toml();
  /// Of the process on the login node that carries the agent of a host.
  static bool carries(const std::string& command, const std::string& host);

 private:
  Words exec_on(const std::string& host) const override { return {"exec", host}; }
};

/// Four nodes of a Slurm, a login node where `srun` works, and a server.
class SlurmBed : public Bed {
 public:
  SlurmBed() : Bed("slurm") {}
  static std::string login() { return "login"; }
  static Words hosts() { return {"n1", "n2", "n3", "n4"}; }
  static std::string in_toml();
  static bool carries(const std::string& command, const std::string& host);

  void kill_slurmd(const std::string& node) const { do_or_throw({"kill-node", node}); }
  void start_slurmd(const std::string& node) const { do_or_throw({"start-node", node}); }

 private:
  Words exec_on(const std::string& host) const override { return {"exec", "--on", host}; }
};

/// What ps calls a process; empty: there is none.
std::string name_of(pid_t pid);
/// What is left of a bed: what its hosts still run. Waits for it to go.
std::vector<Bed::Process> left_on(const Bed& bed);
/// The processes of this machine that belong to the bed in that folder.
std::vector<pid_t> processes_of_bed(const std::filesystem::path& folder);

/// A test with a bed of its own. At the end nothing may run on any of its hosts, and nothing of the
/// bed be left. Skipped where there can be none, unless FLAGSHIP_HOSTS=required.
template <class B>
class BedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    try {
      bed_.emplace();
    } catch (const Bed::Missing& missing) {
      const char* wanted = std::getenv("FLAGSHIP_HOSTS");
      if (wanted != nullptr && std::string(wanted) == "required") FAIL() << missing.what();
      GTEST_SKIP() << missing.what();
    }
  }

  void TearDown() override {
    if (!bed_) return;
    EXPECT_THAT(left_on(*bed_), ::testing::IsEmpty());
    const std::filesystem::path folder = bed_->folder();
    bed_.reset();
    EXPECT_FALSE(std::filesystem::exists(folder));
    EXPECT_THAT(processes_of_bed(folder), ::testing::IsEmpty());
  }

  const B& bed() const { return *bed_; }

 private:
  std::optional<B> bed_;
};

}  // namespace flagship::testing
