// SPDX-License-Identifier: MIT
// What a worker process must know before it can say Hello, and how that reaches it: one packet on
// an inherited socket, the claim page's descriptor with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/os/unique_fd.hpp"
#include "flagship/isolation.hpp"

namespace flagship {

/// The descriptor of the inherited socket in a worker or zygote.
inline constexpr int kSpawnSocket = 3;
/// argv[1] of a process that clones itself for each request, and of one that is the worker of its
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
  Isolation isolation;
};

struct ReceivedRequest {
  SpawnRequest request;
  UniqueFd claim_page;
};

/// Throws std::system_error.
void send_request(int socket, const SpawnRequest& request, int claim_page);
/// False at the end of the stream; throws std::system_error or SerializationError.
bool receive_request(int socket, ReceivedRequest& received);

/// A zygote's answer: the new worker's pid, or a negative errno.
void send_pid(int socket, pid_t pid);
/// Throws std::system_error, also when the socket's receive timeout passes.
pid_t receive_pid(int socket);

}  // namespace flagship
