// SPDX-License-Identifier: MIT
#include "master/cli/signals.hpp"

#include <utility>

namespace flagship::cli {

Signals::Signals(std::function<void(int, int)> heard) : heard_(std::move(heard)) {
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, &before_);
  thread_ = std::thread([this] { listen(); });
}

Signals::~Signals() {
  ending_ = true;
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
  if (first_ != 0)
    return;  // the program is ending as it was asked to: one more would cut that short
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::listen() {
  for (int times = 1;; ++times) {
    int signal = 0;
    if (sigwait(&set_, &signal) != 0 || ending_) return;
    if (times == 1) first_ = signal;
    heard_(signal, times);
  }
}

}  // namespace flagship::cli
