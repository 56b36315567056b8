// SPDX-License-Identifier: MIT
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/nginx.hpp"
#include "tests/support/program.hpp"

namespace flagship::testing {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

std::vector<std::string> lines_of(const std::string& text);
/// Each line of `out`, parsed; a line that is none fails the test.
std::vector<Json> json_lines(const std::string& out);
/// The same by key.
std::map<std::string, Json> by_key(const std::string& out);
/// In hexadecimal, by OpenSSL.
std::string sha256_of(std::string_view bytes);
/// A text without its line "Elapsed time: ...", which differs from run to run.
std::string without_time(const std::string& report);
/// Whether the process with this id is alive: a zombie is not.
bool alive(pid_t pid);

/// Runs the real `flagship` in a folder of the test's own, which also holds what it keeps at run
/// time. At the end nothing of it may be left there.
class CliTest : public ::testing::Test {
 protected:
  CliTest();
  void TearDown() override;

  /// argv and surroundings; argv[0] is put in front.
  Command command(Words arguments) const;
  Ended flagship(Words arguments) const { return run(command(std::move(arguments))); }

  std::filesystem::path here() const { return folder_.path() / "work"; }
  /// Names in the output folder, unless another is named; without the run's record.
  std::vector<std::string> files(const std::string& folder = "downloads") const;
  /// Names of what is here, but for folders that hold nothing but the record of a run.
  std::vector<std::string> left() const;
  std::vector<std::string> runtime_folders() const { return names_in(folder_.path() / "run"); }
  void write(const std::string& name, std::string_view bytes) const {
    write_file(here() / name, bytes);
  }

  TempFolder folder_;
};

const Words kExecutors{"inline", "threads", "processes"};

/// `flagship serve`, for as long as it is wanted.
class Server {
 public:
  Server(Command command);
  /// "http://127.0.0.1:PORT/flags"
  const std::string& url() const { return url_; }
  Program& program() { return program_; }

 private:
  Program program_;
  std::string url_;
};

}  // namespace flagship::testing
