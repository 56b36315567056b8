// SPDX-License-Identifier: MIT
#include "master/hosts/ssh.hpp"

#include <signal.h>
#include <sys/utsname.h>

#include <exception>
#include <stdexcept>
#include <utility>

#include "master/hosts/remote_script.hpp"
#include "master/hosts/ssh_troubles.hpp"

namespace flagship::hosts {
namespace {

constexpr int kSshFailed = 255;  // its own exit code

// What a host's words cannot change: ssh takes the first it is told. A connection that is shared
// would outlive its agent, and carry its sockets in somebody else's name.
const std::vector<std::string> kFirm{"ssh",
                                     "-T",
                                     "-x",
                                     "-o",
                                     "BatchMode=yes",
                                     "-o",
                                     "ControlMaster=no",
                                     "-o",
                                     "ControlPath=none",
                                     "-o",
                                     "RemoteCommand=none"};
const std::vector<std::string> kUsual{
    "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=5",
    "-o", "ServerAliveCountMax=3",    "-o", "ConnectTimeout=30"};

std::string machine_here() {
  utsname system{};
  uname(&system);
  return system.machine;
}

}  // namespace

Ssh::Ssh(const Host& host, AgentProgram program) : host_(host), program_(std::move(program)) {}

std::vector<std::string> Ssh::script(const std::vector<std::string>& sockets) {
  if (!host_.executable.empty()) return run_script(host_.executable, sockets);
  if (program_.build().empty())
    throw std::runtime_error("no copy of " + program_.path() + " can be kept on " + host_.address +
                             ": it has no build id; link it with -Wl,--build-id");
  return run_kept_script({program_.build(), program_.name(), program_.size()}, sockets);
}

std::vector<std::string> Ssh::command(const AgentStart& start) {
  std::vector<std::string> words = kFirm;
  const auto add = [&](const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
  };
  add(host_.ssh_options);
  add(kUsual);
  std::vector<std::string> sockets;
  for (const AgentStart::Socket& socket : start.sockets) {
    add({"-R", socket.there + ":" + socket.here});
    sockets.push_back(socket.there);
  }
  add({"--", host_.address, for_login_shell(script(sockets))});
  return words;
}

std::string Ssh::missing() const {
  return "ssh is not installed on this machine (Debian: openssh-client)";
}

Cause Ssh::said(ChildProcess& carrier, std::string_view word, std::string_view machine) {
  if (!host_.executable.empty()) return {};
  if (const std::string here = machine_here(); machine != here)
    return {host_.address + " has another processor (" + std::string(machine) + ", here " + here +
                "): build the program there, and name it by 'executable'",
            true};
  if (word == "lacks") carrier.send_file(program_.file(), program_.size());
  return {};
}

// Its group, for what it has started to get there.
void Ssh::kill(const ChildProcess& carrier) const { carrier.signal_group(SIGKILL); }

Cause Ssh::explain(End end) const {
  end.host = host_.address;
  end.carrier = "ssh to " + host_.address;
  if (Cause cause = program_cause(end)) return cause;
  if (!end.begun || end.death.exit_code == kSshFailed)
    if (Cause cause = known_cause(kSshTroubles, end)) return cause;
  if (end.begun && end.death.exit_code == kSshFailed && end.death.stderr_tail.empty())
    return {"the connection to " + host_.address + " was lost"};
  return plain_cause(end);
}

}  // namespace flagship::hosts
