// SPDX-License-Identifier: MIT
#include "worker/runtime/isolation.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "worker/runtime/landlock.hpp"
#include "worker/runtime/seccomp.hpp"

namespace flagship::worker {
namespace {

LayerState on_if(bool is_on) { return is_on ? LayerState::on : LayerState::off; }

bool leaves_no_core() {
  rlimit limit{};
  return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max == 0;
}

IsolationLayer own_limits(const std::vector<ResourceLimit>& limits) {
  bool any = false;
  for (const ResourceLimit& limit : limits)
    any = any || limit.resource != static_cast<int>(RLIMIT_CORE);
  return {"limits", on_if(any)};
}

bool wants_landlock(const Isolation& isolation) {
  return isolation.writable || isolation.connect_only;
}

IsolationLayer no_new_privs(const Isolation& isolation) {
  const bool wanted = isolation.no_new_privs || isolation.seccomp || wants_landlock(isolation);
  if (wanted && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot set no_new_privs");
  return {"no_new_privs", on_if(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)};
}

IsolationLayer landlock(const Isolation& isolation, bool alone) {
  if (!wants_landlock(isolation)) return {"landlock"};
  if (!alone)
    return {"landlock", LayerState::unavailable, "there were threads before flagship::init"};
  return apply_landlock(isolation);
}

}  // namespace

std::vector<IsolationLayer> isolate(const SpawnRequest& request, bool alone) {
  const Isolation& wanted = request.isolation;
  std::vector<IsolationLayer> layers;
  layers.push_back({"process_group", on_if(getpgrp() == getpid())});
  layers.push_back({"no_core", on_if(leaves_no_core())});
  layers.push_back(own_limits(request.limits));
  layers.push_back({"memory", on_if(!request.memory.empty()), request.memory});
  layers.push_back(no_new_privs(wanted));
  layers.push_back(landlock(wanted, alone));
  layers.push_back(wanted.seccomp ? apply_seccomp() : IsolationLayer{"seccomp"});
  return layers;
}

}  // namespace flagship::worker
