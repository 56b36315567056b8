// SPDX-License-Identifier: MIT
// What a launcher is tested with: programs that stand in for ssh and srun, an agent that writes
// down what it is told, and a loop that asks the launcher.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "master/hosts/launchers.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/patience.hpp"

namespace flagship::test {

/// A variable of the environment, until the end of the scope.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_)
      setenv(name_, before_->c_str(), 1);
    else
      unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(bytes_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

inline void write_program(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
  chmod(path.c_str(), 0700);
}

/// Writes down its standard input until that ends.
inline constexpr std::string_view kAgent =
    "#!/bin/sh\n"
    "echo $$ >> \"$LOGS/agents\"\n"
    "cat >> \"$LOGS/input\"\n"
    "echo left >> \"$LOGS/left\"\n"
    "exit 0\n";

/// A folder with programs that stand in front of the real ones, logs, and the home folder of "the
/// other host", which is this one.
class LauncherTest : public testing::Test {
 protected:
  LauncherTest() {
    for (const char* name : {"bin", "logs", "home"})
      std::filesystem::create_directory(folder_.path(name));
  }

  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string log(const std::string& name) const { return folder_.path("logs/" + name); }
  std::string logged(const std::string& name) const { return bytes_of(log(name)); }

  /// In place of ssh, srun, head ...
  void stand_in(const std::string& name, const std::string& script) const {
    write_program(path("bin/" + name), "#!/bin/sh\n" + script + "\n");
  }

  /// Asks the launcher, as its fd says, until the condition holds.
  bool ask_until(hosts::Launcher& launcher, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      pollfd readable{launcher.fd(), POLLIN, 0};
      if (poll(&readable, 1, 10) > 0) launcher.read(ended_);
    }
    return true;
  }
  /// The end of the only agent there is.
  hosts::Launcher::Ended end_of(hosts::Launcher& launcher) {
    EXPECT_TRUE(ask_until(launcher, [&] { return !ended_.empty(); })) << "its end is not told";
    if (ended_.empty()) return {};
    const hosts::Launcher::Ended ended = ended_.front();
    ended_.erase(ended_.begin());
    EXPECT_TRUE(ended_.empty()) << "told once";
    return ended;
  }
  bool begins(hosts::Launcher& launcher) {
    return ask_until(launcher, [&] { return !logged("agents").empty(); });
  }

  static hosts::AgentStart agent(std::uint32_t id, std::string ticket = "ticket\n") {
    return {{id, 1}, "host/" + std::to_string(id), std::move(ticket)};
  }

 private:
  const Folder folder_;
  const Variable path_{"PATH", folder_.path("bin") + ":" + getenv("PATH")};
  const Variable logs_{"LOGS", folder_.path("logs")};
  const Variable remote_home_{"REMOTE_HOME", folder_.path("home")};

 protected:
  std::vector<hosts::Launcher::Ended> ended_;
};

}  // namespace flagship::test
