// SPDX-License-Identifier: MIT
#include "worker/agent/passed_call.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "common/wire/lost.hpp"
#include "common/wire/raised.hpp"

namespace flagship::worker {
namespace {

class TellBegun final : public detail::Callback {
 public:
  TellBegun(std::uint64_t ticket, Returns& returns)
      : Callback(When::running), ticket_(ticket), returns_(returns) {}
  void run(detail::StateBase&) override { returns_.put_begun(ticket_); }

 private:
  const std::uint64_t ticket_;
  Returns& returns_;
};

Death death_of(const WorkerDied& died) {
  Death death;
  death.pid = died.pid();
  death.host = died.host();
  death.signal = died.signal();
  death.exit_code = died.exit_code();
  death.out_of_memory = died.out_of_memory();
  death.memory_limit = died.memory_limit();
  death.peak_rss = died.peak_rss();
  death.user = died.user_time();
  death.system = died.system_time();
  death.stderr_tail = died.stderr_tail();
  death.backtrace = died.backtrace();
  return death;
}

}  // namespace

// ---- Returns

Returns::Returns() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
}

void Returns::wake(bool was_empty) noexcept {
  if (!was_empty) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof one);
}

void Returns::put_begun(std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = waiting_.begun.empty() && waiting_.ended.empty();
  waiting_.begun.push_back(ticket);
  wake(was_empty);
}

void Returns::completed(detail::Watch& watch) noexcept {
  const std::lock_guard lock(mutex_);
  const bool was_empty = waiting_.begun.empty() && waiting_.ended.empty();
  waiting_.ended.push_back(static_cast<PassedCall::EndWatch&>(watch).ticket);
  wake(was_empty);
}

Returns::Taken Returns::take() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(event_.get(), &count, sizeof count);
  const std::lock_guard lock(mutex_);
  return std::exchange(waiting_, {});
}

// ---- PassedCall

PassedCall::PassedCall(const wire::AssignedCall& call, Returns& returns)
    : RemoteCall("a call of another host"), ticket_(call.ticket) {
  function = call.function;
  payload = call.payload;
  timeout = call.timeout;
  notify = call.notify;
  attempts_before = call.attempt - 1;
  watch_.ticket = ticket_;
  watch_.watcher = &returns;
  if (notify) add_callback(std::make_unique<TellBegun>(ticket_, returns));
}

bool PassedCall::take_answer(std::uint8_t ending, std::string_view bytes) {
  ending_ = static_cast<wire::CallEnding>(ending);
  answer_.assign(bytes);
  answered_ = true;
  return true;
}

PassedCall::Answer PassedCall::take_result() {
  switch (ending()) {
    case Ending::returned:
      return {wire::CallEnding::returned, std::move(answer_)};
    case Ending::raised:
      if (answered_) return {ending_, std::move(answer_)};
      return {wire::CallEnding::raised, wire::pack_exception(error())};
    case Ending::timed_out:
      return {wire::CallEnding::timed_out, wire::pack_lost({}, notes_)};
    case Ending::worker_died:
      return lost_with_worker();
    case Ending::cancelled:
      break;
  }
  return {};
}

PassedCall::Answer PassedCall::lost_with_worker() const {
  try {
    std::rethrow_exception(error());
  } catch (const WorkerDied& died) {
    return {wire::CallEnding::worker_died, wire::pack_lost(death_of(died), notes_)};
  } catch (const std::exception& error) {
    return {wire::CallEnding::recalled, error.what(), true};
  }
}

}  // namespace flagship::worker
