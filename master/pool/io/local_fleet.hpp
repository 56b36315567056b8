// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
#include <zmq.hpp>

#include "common/os/unique_fd.hpp"
#include "master/pool/io/run_dir.hpp"
#include "master/pool/io/spawner.hpp"
#include "master/pool/loop/fleet.hpp"

namespace flagship::pool {

struct FleetSettings {
  std::string pool_name;
  std::string worker_executable;
  std::uint32_t max_workers = 1;
  std::uint32_t places = 1;  // of each claim page
  std::size_t max_message_bytes = 0;
  std::vector<ResourceLimit> limits;
  Isolation isolation;
};

/// Worker processes on this host: children of this process, a PUSH socket each, one PULL for what
/// they say. Made in any thread; everything else, its destruction too, in the loop's thread.
class LocalFleet final : public Fleet {
 public:
  /// Throws BrokenProcessPool with a sentence (too few descriptors, no private folder).
  explicit LocalFleet(FleetSettings settings);
  ~LocalFleet() override;

  std::string start(core::WorkerRef worker) override;
  void send(core::WorkerRef worker, wire::Frames&& message) override;
  void signal(core::WorkerRef worker, int signal) override;
  ClaimPage& claims(core::WorkerRef worker) override { return workers_[worker.id].claims; }
  pid_t pid(core::WorkerRef worker) const override { return workers_[worker.id].pid; }
  const std::string& host() const override { return host_; }
  void bury(core::WorkerRef worker) override;
  void wait(detail::Deadline deadline, Happenings& out) override;
  std::shared_ptr<detail::Waker> waker() override;

 private:
  class EventFd;
  struct Worker {
    core::WorkerRef ref;
    pid_t pid = 0;
    UniqueFd pidfd;
    ClaimPage claims;
    zmq::socket_t tasks;
    std::deque<wire::Frames> unsent;  // until it has connected
  };

  bool send_now(Worker& worker, wire::Frames& message);
  void flush_unsent();
  void read_results(Happenings& out);
  void reap(Worker& worker, Happenings& out);
  void watch(int fd, std::uint64_t key);

  const FleetSettings settings_;
  const std::string host_;
  RunDir dir_;
  zmq::context_t context_;
  zmq::socket_t results_;
  UniqueFd epoll_;
  std::shared_ptr<EventFd> waker_;
  Spawner spawner_;
  std::vector<Worker> workers_;
  std::vector<std::uint32_t> blocked_;  // workers with something unsent
};

}  // namespace flagship::pool
