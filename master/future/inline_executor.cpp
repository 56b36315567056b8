// SPDX-License-Identifier: MIT
#include <atomic>

#include "flagship/executor.hpp"

namespace flagship {
namespace {

class InlineCore final : public detail::ExecutorCore {
 public:
  bool in_process() const override { return true; }
  void submit(std::shared_ptr<detail::LocalCall> call) override {
    if (shut_down_) throw ShutdownError();
    call->run();
  }
  void shutdown(const ShutdownOptions&) override { shut_down_ = true; }
  void terminate(int) override { shut_down_ = true; }
  PoolStatus status() const override { return {}; }

 private:
  std::atomic<bool> shut_down_{false};
};

}  // namespace

InlineExecutor::InlineExecutor() : OwningExecutor(std::make_shared<InlineCore>()) {}

}  // namespace flagship
