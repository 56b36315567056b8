// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace flagship::testing {

/// What must happen happens within it; it never has to run out in a test that passes.
constexpr std::chrono::seconds kPatience{60};

/// Asks again and again; false: it did not come true within kPatience.
bool wait_until(const std::function<bool()>& condition);

/// A temporary folder of a test's own, with a short name; gone, with what is in it, at the end.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, std::string_view bytes);
std::string read_file(const std::filesystem::path& path);
/// Names of what is in a folder, sorted.
std::vector<std::string> names_in(const std::filesystem::path& folder);

struct Command {
  enum class Output { captured, closed, full };  // full: /dev/full, where no write succeeds

  std::vector<std::string> argv;             // argv[0] is the path
  std::map<std::string, std::string> env{};  // besides this process's
  std::vector<std::string> unset{};          // of this process's
  std::filesystem::path folder{};            // where it runs; empty: here
  std::string input{};                       // what stdin holds
  bool keep_input_open = false;              // more comes through `write_input`
  Output output = Output::captured;
  bool terminal = false;  // stdin and stderr are a terminal, which is its controlling one
};

struct Ended {
  int exit_code = -1;  // -1: by a signal
  int signal = 0;      // 0: by itself
  std::string out;
  std::string err;
};

/// A running program, in a session (and so a process group) of its own. Its destruction, also of a
/// test that fails, kills what is left of the session. One thread.
class Program {
 public:
  /// Throws std::system_error when it cannot be started.
  explicit Program(Command command);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int signal) const;
  /// As if typed at its terminal.
  void type(std::string_view keys) const;
  /// False when nobody reads it.
  bool write_input(std::string_view bytes) const;
  void close_input();
  /// Takes no more of its stdout, as `head` does.
  void close_output();

  std::string out() const;
  std::string err() const;
  /// Waits for a text in its stdout, or stderr; false: not within kPatience, or it ended without.
  bool says(std::string_view text) const { return contains(out_, text); }
  bool warns(std::string_view text) const { return contains(err_, text); }

  bool running() const;
  /// Waits for its end. After kPatience it is killed, which shows as signal 9.
  Ended wait();

  struct Process {
    pid_t pid = 0;
    pid_t parent = 0;
    std::string name;  // of its main thread
  };
  /// The processes of its session that are alive: zombies are not.
  std::vector<Process> processes() const { return processes_of(pid_); }
  static std::vector<Process> processes_of(pid_t session);
  /// Those of `processes` that download.
  std::vector<Process> workers() const;

 private:
  bool contains(const std::string& text, std::string_view wanted) const;
  void read_output();
  void take(int& fd, std::string& text);

  pid_t pid_ = 0;
  int pidfd_ = -1;
  int input_ = -1;
  int terminal_ = -1;
  int stop_ = -1;
  std::optional<int> status_;

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable changed_;
  std::string out_;
  std::string err_;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool close_out_ = false;

  std::thread reader_;
};

/// Runs it to its end.
Ended run(Command command);

}  // namespace flagship::testing
