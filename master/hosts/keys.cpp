// SPDX-License-Identifier: MIT
#include "master/hosts/keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/key_file.hpp"
#include "common/os/unique_fd.hpp"

namespace flagship::hosts {
namespace {

constexpr std::string_view kNames[] = {"master-public", "master-secret", "agent-public"};
constexpr KeyFileKind kKind{"flagship-master-keys 1", "the master's", kNames};
constexpr std::size_t kTextBytes = 41;  // of a key, with the zero at its end

std::string public_of(const std::string& secret) {
  char text[kTextBytes] = {};
  return zmq_curve_public(text, secret.c_str()) == 0 ? text : std::string();
}

void refuse_strangers(const KeyPair& pair, const std::string& name) {
  if (public_of(pair.secret_key) != pair.public_key)
    throw std::invalid_argument(name +
                                ": its public and secret key do not belong together; 'flagship "
                                "keys new' makes new ones");
}

UniqueFd opened(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    throw std::invalid_argument("the keys '" + path + "' cannot be read: " + std::strerror(errno));
  return file;
}

/// A file that was not there before; gone again unless it is kept.
class FreshFile {
 public:
  explicit FreshFile(std::string path)
      : path_(std::move(path)),
        file_(open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (!file_ && errno == EEXIST)
      throw std::runtime_error("'" + path_ +
                               "' is there already and stays as it is: take it away, or give "
                               "another NAME");
    if (!file_) refuse();
  }
  ~FreshFile() {
    if (!kept_) unlink(path_.c_str());
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;

  const std::string& path() const { return path_; }

  void write(std::string_view text) const {
    const ssize_t written = ::write(file_.get(), text.data(), text.size());
    if (written == static_cast<ssize_t>(text.size()) && fsync(file_.get()) == 0) return;
    if (written >= 0 && written < static_cast<ssize_t>(text.size())) errno = ENOSPC;
    refuse();
  }

  void keep() { kept_ = true; }

 private:
  [[noreturn]] void refuse() const {
    throw std::runtime_error("'" + path_ + "' cannot be written: " + std::strerror(errno));
  }

  const std::string path_;
  const UniqueFd file_;
  bool kept_ = false;
};

}  // namespace

KeyPair new_key_pair() {
  char public_key[kTextBytes] = {};
  char secret_key[kTextBytes] = {};
  if (zmq_curve_keypair(public_key, secret_key) != 0)
    throw std::runtime_error(std::string("this ZeroMQ makes no keys: ") + zmq_strerror(errno));
  return {public_key, secret_key};
}

MasterKeys parse_master_keys(std::string_view text, const std::string& name) {
  auto keys = parse_key_file(text, name, kKind);
  MasterKeys master{{std::move(keys[0]), std::move(keys[1])}, std::move(keys[2])};
  refuse_strangers(master.own, name);
  return master;
}

MasterKeys read_master_keys(const std::string& path) {
  return parse_master_keys(read_key_file(opened(path).get(), path), path);
}

AgentKeys read_agent_keys(const std::string& path) {
  AgentKeys keys = flagship::read_agent_keys(opened(path).get(), path);
  refuse_strangers(keys.own, path);
  return keys;
}

std::string text_of(const MasterKeys& keys) {
  return key_file_text(kKind, {keys.own.public_key, keys.own.secret_key, keys.agents_public},
                       {"Secret: with this file a Flagship master lets agents in.",
                        "In the hosts file: launcher = \"none\", keys = \"this file\""});
}

KeyFiles write_new_keys(const std::string& name) {
  const KeyPair master = new_key_pair();
  const KeyPair agent = new_key_pair();
  FreshFile for_master(name + ".master.keys");
  FreshFile for_agent(name + ".agent.keys");
  for_master.write(text_of(MasterKeys{master, agent.public_key}));
  for_agent.write(flagship::text_of(AgentKeys{agent, master.public_key}));
  for_master.keep();
  for_agent.keep();
  return {for_master.path(), for_agent.path()};
}

}  // namespace flagship::hosts
