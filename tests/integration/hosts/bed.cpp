// SPDX-License-Identifier: MIT
#include "tests/integration/hosts/bed.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <exception>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <thread>

#include "common/os/unique_fd.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kMissing = 77;

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string first_word(const fs::path& file) {
  std::istringstream text(read_file(file));
  std::string word;
  text >> word;
  return word;
}

void enter_network(const std::string& pid) {
  const UniqueFd network(::open(("/proc/" + pid + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
  if (::setns(network.get(), CLONE_NEWNET) != 0)
    throw std::system_error(errno, std::generic_category(), "setns");
}

}  // namespace

Bed::Bed(const std::string& kind) : script_(FLAGSHIP_TESTBED "/" + kind) {
  const Ended up = run({.argv = {script_, "--owner", std::to_string(getpid()), "up"}});
  if (up.exit_code == kMissing) throw Missing(without_end(up.err));
  if (up.exit_code != 0) throw std::runtime_error(without_end(up.err));
  folder_ = without_end(up.out);
}

Bed::~Bed() { script({"down"}); }

Ended Bed::script(Words words) const {
  words.insert(words.begin(), {script_, "--dir", folder_});
  return run({.argv = std::move(words)});
}

void Bed::do_or_throw(Words words) const {
  const Ended ended = script(std::move(words));
  if (ended.exit_code != 0) throw std::runtime_error(without_end(ended.err));
}

std::string Bed::address_of(const std::string& host) const {
  return first_word(folder_of(host) / "address");
}

Command Bed::command(const std::string& host, Words words) const {
  Words argv{script_, "--dir", folder_};
  for (const Words& more : {exec_on(host), words})
    argv.insert(argv.end(), more.begin(), more.end());
  return {.argv = std::move(argv), .folder = folder_of(host) / "tmp"};
}

pid_t Bed::run_by(const Program& program) {
  const std::string pid = std::to_string(program.pid());
  const fs::path children = "/proc/" + pid + "/task/" + pid + "/children";
  std::string child;
  wait_until([&] {
    if (!program.running()) return true;
    // Before that it is the script, with children of its own.
    if (fs::read_symlink("/proc/" + pid + "/exe").filename() == "nsenter")
      child = first_word(children);
    return !child.empty();
  });
  if (child.empty()) throw std::runtime_error("ended before it began: " + program.err());
  return std::stoi(child);
}

void Bed::with_network_of(const std::string& host, const std::function<void()>& action) const {
  std::exception_ptr error;
  std::thread([&] {
    try {
      enter_network(first_word(folder_of(host) / "pid"));
      action();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

void Bed::disturb(const std::string& host, const std::string& netem) const {
  Words words{"netem", host};
  std::istringstream in(netem);
  for (std::string word; in >> word;) words.push_back(word);
  do_or_throw(std::move(words));
}

std::vector<Bed::Process> Bed::processes(const Words& hosts) const {
  Words words{"processes"};
  words.insert(words.end(), hosts.begin(), hosts.end());
  const Ended ended = script(std::move(words));
  if (ended.exit_code != 0) throw std::runtime_error(without_end(ended.err));
  std::vector<Process> found;
  std::istringstream lines(ended.out);
  for (Process one; lines >> one.host >> one.pid && std::getline(lines >> std::ws, one.command);)
    found.push_back(one);
  return found;
}

std::vector<Bed::Process> Bed::processes_like(const std::string& host,
                                              const std::string& text) const {
  std::vector<Process> found = processes({host});
  std::erase_if(found, [&](const Process& process) {
    return process.command.find(text) == std::string::npos;
  });
  return found;
}

std::vector<Bed::Process> Bed::agents(const std::string& host) const {
  std::vector<Process> found = processes({host});
  std::erase_if(found,
                [](const Process& process) { return name_of(process.pid) != "flagship-agent"; });
  return found;
}

std::vector<Bed::Process> Bed::workers(const std::string& host) const {
  std::vector<Process> found = processes({host});
  std::erase_if(found, [](const Process& process) {
    return name_of(process.pid).find("/worker-") == std::string::npos;
  });
  return found;
}

std::string NetnsBed::in_toml() {
  std::string text;
  for (const std::string& host : hosts())
    text += "[[host]]\nname = \"" + host + "\"\nlauncher = \"ssh\"\nworkers = 2\n";
  return text;
}

bool NetnsBed::carries(const std::string& command, const std::string& host) {
  return command.starts_with("ssh ") && command.find(" " + host) != std::string::npos;
}

std::string SlurmBed::in_toml() {
  return "[[host]]\nlauncher = \"slurm\"\nnodes = 4\npartition = \"main\"\nworkers = 2\n";
}

// One for all. Another process of that name looks after the job when this one dies, and came later.
bool SlurmBed::carries(const std::string& command, const std::string&) {
  return command.starts_with("srun ");
}

std::string name_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

std::vector<Bed::Process> left_on(const Bed& bed) {
  std::vector<Bed::Process> left;
  wait_until([&] { return (left = bed.processes()).empty(); });
  return left;
}

std::vector<pid_t> processes_of_bed(const fs::path& folder) {
  const std::string mark = "FLAGSHIP_BED=" + folder.string() + '\0';
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    std::ifstream file(entry->path() / "environ", std::ios::binary);
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid != 0 && environment.find(mark) != std::string::npos) found.push_back(pid);
  }
  return found;
}

}  // namespace flagship::testing
