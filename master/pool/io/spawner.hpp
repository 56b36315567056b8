// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>

#include "common/os/unique_fd.hpp"
#include "common/spawn_request.hpp"

namespace flagship::pool {

/// Starts worker processes: clones of one zygote, which has the executable loaded and linked, or
/// the executable itself where cloning is not possible. To be used in the one thread that outlives
/// all workers: their parent-death signal follows the thread.
class Spawner {
 public:
  /// `executable` empty: this one. Starts nothing yet.
  explicit Spawner(std::string executable);
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  /// Gets the zygote going, so that it is loaded when the first worker is wanted. Throws like
  /// `start`.
  void warm_up();
  /// The pid of a new worker, a child of this process and leader of its own process group, which
  /// prints to `output`. Throws std::runtime_error with a sentence that names the program and the
  /// cause.
  pid_t start(const SpawnRequest& request, int claim_page, int output);
  /// Where the executable of the workers can be read, also when another is in its place by now.
  std::string file() const;

 private:
  pid_t spawn(const char* flag, int socket);
  void start_zygote();
  void stop_zygote();
  pid_t start_by_exec(const SpawnRequest& request, int claim_page, int output);
  pid_t start_by_clone(const SpawnRequest& request, int claim_page, int output);
  std::string program() const;

  const std::string executable_;
  bool cloning_;
  pid_t zygote_ = 0;
  UniqueFd socket_;
};

}  // namespace flagship::pool
