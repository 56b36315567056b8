// SPDX-License-Identifier: MIT
// What keeps a worker process from harming others, beside its Limits. Values; every field has a
// default.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace flagship {

/// Set in each worker before it does anything, and inherited by what its tasks start. What this
/// kernel cannot do is left out, and said in `WorkerStatus::isolation`: look there if you depend on
/// it.
struct Isolation {
  /// Programs that a task starts gain nothing from setuid bits (sudo, su). The others bring it
  /// along.
  bool no_new_privs = true;
  /// Refuses, with EPERM, system calls that a task has no business with: signals to other
  /// processes, tracing them, leaving its process group, with which all that it started ends,
  /// mounts, namespaces, kernel modules, BPF and the like (libseccomp).
  bool seccomp = false;
  /// Nothing: files are written as permissions allow. Else only beneath these folders, which must
  /// exist, and to /dev/null (Landlock); processes that are not its own are neither traced nor,
  /// from Linux 6.12 on, signalled.
  std::optional<std::vector<std::string>> writable{};
  /// True: it may not bind TCP ports, so it serves nobody (Landlock, from Linux 6.7 on).
  bool connect_only = false;
};

enum class LayerState { off, on, unavailable };

/// What became of one layer in a worker.
struct IsolationLayer {
  std::string name;  // process_group, no_core, limits, memory, no_new_privs, landlock, seccomp
  LayerState state = LayerState::off;
  std::string detail{};  // of one that is on, which version; of one that is unavailable, why
};

}  // namespace flagship
