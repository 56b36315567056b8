// SPDX-License-Identifier: MIT
// What a worker process must know before it can say Hello, and how that reaches it: one packet on
// an inherited socket, with it the descriptors of the claim page and of what it prints to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "flagship/isolation.hpp"

namespace flagship {

/// The descriptor of the inherited socket in a worker or zygote.
inline constexpr int kSpawnSocket = 3;
/// argv[1] of a process that starts a worker for each request, and of one that is the worker of its
/// only request.
inline constexpr const char* kZygoteFlag = "--flagship-zygote";
inline constexpr const char* kWorkerFlag = "--flagship-worker";

/// For setrlimit(2), soft and hard.
struct ResourceLimit {
  std::int32_t resource = 0;
  std::uint64_t most = 0;
};

struct SpawnRequest {
  std::uint32_t worker = 0;
  std::uint32_t incarnation = 0;
  std::int32_t supervisor = 0;  // its pid
  std::uint32_t places = 0;     // of the claim page
  std::uint64_t max_message_bytes = 0;
  std::string pool;  // for ps
  std::string tasks_endpoint;
  std::string results_endpoint;
  std::vector<ResourceLimit> limits;
  std::string memory;  // how a limit of memory is kept; empty: there is none
  Isolation isolation;
};

/// What a zygote is told of a worker: it has ended, and its pid may be anybody's soon; or it lives,
/// and another zygote has started it.
struct WorkerNews {
  pid_t pid = 0;
  std::int32_t lives = 0;
};

struct ReceivedRequest {
  SpawnRequest request;
  WorkerNews news;  // with a pid: this is no request
  UniqueFd claim_page;
  UniqueFd output;  // its stdout and stderr
};

/// A pair for what follows; throws std::system_error.
std::pair<UniqueFd, UniqueFd> packet_sockets();
/// Never waits; throws std::system_error.
void send_request(int socket, const SpawnRequest& request, int claim_page, int output);
/// False at the end of the stream; throws std::system_error or SerializationError.
bool receive_request(int socket, ReceivedRequest& received);

/// Never waits; throws std::system_error.
void send_news(int socket, WorkerNews news);

/// A zygote's answer: the new worker's pid, or a negative errno. Never waits; throws
/// std::system_error.
void send_pid(int socket, pid_t pid);
/// Nothing: there is none yet. Never waits; throws std::system_error, at the end of the stream too.
std::optional<pid_t> receive_pid(int socket);

}  // namespace flagship
