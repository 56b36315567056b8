// SPDX-License-Identifier: MIT
#include "flagship/detail/call.hpp"

#include <csignal>
#include <stdexcept>

#include "common/claim.hpp"
#include "flagship/executor.hpp"
#include "flagship/task.hpp"
#include "master/pool/loop/mailbox.hpp"

namespace flagship {

void Submitter::terminate_workers() const { core_->terminate(SIGTERM); }
void Submitter::kill_workers() const { core_->terminate(SIGKILL); }

namespace detail {
namespace {

// The claim page is shared memory: a forked child must not decide in its parent's place.
bool may_decide(const RemoteCall& call) {
  return call.place != nullptr && (call.mailbox == nullptr || call.mailbox->is_of_this_process());
}

}  // namespace

bool RemoteCall::begun() const {
  return place != nullptr && !place->is(stamp, Claim::held) && !place->is(stamp, Claim::lent) &&
         !place->is(stamp, Claim::recalled);
}

bool RemoteCall::stop() { return may_decide(*this) && place->stop(stamp); }

bool RemoteCall::recall() { return may_decide(*this) && place->recall(stamp); }

std::shared_ptr<Waker> RemoteCall::leave(Left left) {
  if (mailbox == nullptr || !mailbox->is_of_this_process()) return nullptr;
  return mailbox->leave(Ref<RemoteCall>(this), left == Left::stopped);
}

void ExecutorCore::submit(std::shared_ptr<LocalCall>) {
  throw std::logic_error("this executor runs calls elsewhere");
}
void ExecutorCore::submit(Ref<RemoteCall>) {
  throw std::logic_error("this executor runs calls in this process");
}

void throw_too_large(const char* what, std::size_t bytes, std::size_t most) {
  throw SerializationError(std::string(what) + " of " + std::to_string(bytes) +
                           " bytes are more than max_message_bytes, " + std::to_string(most));
}

void check(const CallOptions& options) {
  if (options.timeout && *options.timeout < duration::zero())
    throw std::invalid_argument("timeout must not be negative");
  if (options.retries < 0) throw std::invalid_argument("retries must not be negative");
}

void check(const MapOptions& options) {
  constexpr std::size_t kMost = ~std::size_t{0} >> 1;
  if (options.chunksize > kMost) throw std::invalid_argument("chunksize must not be negative");
  if (options.buffersize > kMost) throw std::invalid_argument("buffersize must not be negative");
}

std::string run_named_task(const std::string& name, const std::string& payload) {
  const Task* const task = find_task(key_of(name));
  if (task == nullptr) throw UnknownTask("no task is named '" + name + "' in this executable");
  std::string result;
  Reader in(payload);
  Writer out(result);
  try {
    task->invoke(in, out);
  } catch (const BadArguments& bad) {
    throw SerializationError("the arguments of '" + name + "' could not be read: " + bad.what);
  }
  return result;
}

}  // namespace detail
}  // namespace flagship
