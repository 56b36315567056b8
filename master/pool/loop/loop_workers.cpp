// SPDX-License-Identifier: MIT
// The loop's members for what workers say, and what becomes of them.
#include <algorithm>
#include <csignal>
#include <utility>

#include "master/pool/loop/loop.hpp"

namespace flagship::pool {
namespace {

core::How how_of(wire::CallEnding ending) {
  switch (ending) {
    case wire::CallEnding::returned:
      return core::How::returned;
    case wire::CallEnding::raised:
      return core::How::raised;
    case wire::CallEnding::recalled:
      return core::How::recalled;
    case wire::CallEnding::worker_died:
      return core::How::died;
    case wire::CallEnding::unknown_function:
    case wire::CallEnding::bad_arguments:
    case wire::CallEnding::bad_result:
    case wire::CallEnding::timed_out:
      break;
  }
  return core::How::failed;
}

}  // namespace

Loop::Life* Loop::life_of(wire::Sender sender) {
  if (sender.worker >= lives_.size()) return nullptr;
  Life& life = lives_[sender.worker];
  return life.alive && life.worker.incarnation == sender.incarnation ? &life : nullptr;
}

void Loop::on_message(const Happenings::Message& message) {
  const wire::UpReader::Kind kind = reader_.read(message.blobs);
  if (kind == wire::UpReader::Kind::malformed) return on_malformed(message.sender);
  Life* const life = life_of(reader_.sender());
  if (life == nullptr) return;
  if (message.sender != fleet_->pid(life->worker) && message.sender != 0) return;
  const bool agent = fleet_->is_agent(life->worker);
  if (agent != message.agent.has_value() || (agent && !(*message.agent == life->worker))) return;
  switch (kind) {
    case wire::UpReader::Kind::hello:
      return on_hello(*life);
    case wire::UpReader::Kind::results:
      return on_results(*life);
    case wire::UpReader::Kind::began:
      if (reader_.tickets().empty()) handle(core::WorkerSetUp{life->worker});
      for (const core::Ticket ticket : reader_.tickets()) {
        const core::TaskId task = core::task_of(ticket);
        if (task >= calls_.size() || !calls_[task]) continue;
        detail::RemoteCall& call = *calls_[task];
        if (call.stamp != core::stamp_of(ticket)) continue;
        if (agent && call.place != nullptr) call.place->lent_has_begun(call.stamp);
        call.tell_running();
      }
      return;
    case wire::UpReader::Kind::bye:
      return handle(core::PoolBroke{reader_.bye_reason()});
    case wire::UpReader::Kind::malformed:
      return;
  }
}

// Whatever it wanted to say is lost, results perhaps: only its death can tell what becomes of what
// it holds.
void Loop::on_malformed(pid_t sender) {
  for (const Life& life : lives_)
    if (life.alive && sender != 0 && fleet_->pid(life.worker) == sender)
      fleet_->signal(life.worker, SIGKILL);
}

void Loop::on_hello(Life& life) {
  const wire::Hello hello = reader_.hello();
  if (hello.protocol != wire::kProtocol) {
    return handle(core::PoolBroke{"the worker executable speaks version " +
                                  std::to_string(hello.protocol) + " of the protocol (Flagship " +
                                  hello.version + "), this program version " +
                                  std::to_string(wire::kProtocol)});
  }
  any_hello_ = true;
  life.limit = {};
  life.isolation = hello.isolation;
  life.place = std::make_shared<const detail::Place>(
      detail::Place{fleet_->host(life.worker), hello.pid, static_cast<int>(life.worker.id)});
  wire::Welcome welcome;
  welcome.concurrency = life.concurrency;
  welcome.flush_after = settings_.flush_after;
  welcome.initializer_function = settings_.initializer.function;
  welcome.initializer = settings_.initializer.payload;
  welcome.max_rss = settings_.scheduler.max_worker_rss;
  welcome.task_timeout = settings_.task_timeout;
  fleet_->send(life.worker, writer_.welcome(welcome));
  const bool sets_up = settings_.initializer.function != 0;
  if (!fleet_->is_agent(life.worker)) return handle(core::WorkerReady{life.worker, sets_up});
  handle(core::WorkerReady{life.worker, sets_up, hello.concurrency, hello.lag});
}

void Loop::on_results(Life& life) {
  fleet_->claims(life.worker).outbox().arrived(reader_.kept());
  const std::span<const std::uint64_t> tickets = reader_.tickets();
  how_.clear();
  if (!reader_.all_returned())
    for (std::size_t i = 0; i < tickets.size(); ++i) how_.push_back(how_of(reader_.ending(i)));
  if (fleet_->is_agent(life.worker))
    deaths_ += static_cast<std::size_t>(std::count(how_.begin(), how_.end(), core::How::died));
  next_result_ = 0;
  busy_ = true;
  if (!tickets.empty())
    mean_ns_ = static_cast<double>(reader_.busy().count()) / static_cast<double>(tickets.size());
  handle(core::ResultsArrived{life.worker, tickets, how_, reader_.busy(), reader_.rss()});
}

// What a worker has finished and cannot send: it is dead, or busy. The message with it, if one
// comes yet, brings nothing new then.
void Loop::harvest(Ref worker) {
  if (life_of({worker.id, worker.incarnation}) == nullptr) return;
  wire::Outbox outbox = fleet_->claims(worker).outbox();
  if (outbox.empty()) return;
  const wire::Outbox::Unread unread = outbox.take();
  std::vector<core::Ticket> tickets;
  std::vector<core::How> how;
  for (const wire::CallResult& result : unread.results) {
    tickets.push_back(result.ticket);
    how.push_back(how_of(result.ending));
  }
  const core::ResultsArrived event{worker, tickets, how, unread.busy};
  harvested_ = &unread.results;
  handle_one(event);
  harvested_ = nullptr;
}

bool Loop::results_under_way(Ref worker) {
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    const detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (call.place->is(core::stamp_of(ticket), Claim::finished)) return true;
  }
  return false;
}

void Loop::settle_dying() {
  for (std::size_t i = 0; i < dying_.size();) {
    const Dying& dying = dying_[i];
    to_harvest_.push_back(dying.gone.worker);
    follow_up();
    if (life_of({dying.gone.worker.id, dying.gone.worker.incarnation}) != nullptr &&
        dying.limit > now_ && results_under_way(dying.gone.worker)) {
      ++i;
      continue;
    }
    const Happenings::Gone gone = std::move(dying_[i].gone);
    dying_.erase(dying_.begin() + static_cast<std::ptrdiff_t>(i));
    on_gone(gone);
  }
}

void Loop::on_gone(const Happenings::Gone& gone) {
  Life* const life = life_of({gone.worker.id, gone.worker.incarnation});
  if (life == nullptr) return;
  const core::Life was = scheduler_.workers()[gone.worker.id].life;
  if (was != core::Life::draining && was != core::Life::stopping && !broken_) ++deaths_;
  const std::vector<core::Ticket> begun = detach_held(gone.worker);
  std::string cause = cause_of(*life, gone.death);
  if (life->late) give_up_on_program(cause);
  life->alive = false;
  life->limit = {};
  death_ = &gone.death;
  handle(core::WorkerGone{gone.worker, begun, std::move(cause)});
  death_ = nullptr;
  // Only now: until they end, callers look into its claim page for calls that it had begun.
  fleet_->bury(gone.worker);
}

void Loop::on_not_started(const Happenings::NotStarted& failed) {
  Life& life = lives_[failed.worker.id];
  if (!life.alive || !(life.worker == failed.worker)) return;
  if (life.late) give_up_on_program(failed.cause);
  life = {};
  handle(core::StartFailed{failed.worker, failed.cause, failed.hopeless});
}

// Another start would take as long: only a program that has ever been a worker gets one.
void Loop::give_up_on_program(const std::string& cause) {
  if (!any_hello_) handle(core::PoolBroke{"no worker could be started: " + cause});
}

std::string Loop::cause_of(const Life& life, const Death& death) const {
  if (fleet_->is_agent(life.worker)) return "host " + death.lost_with;
  const std::string hint =
      "; does the main of " + settings_.worker_program + " call flagship::init?";
  std::string text = "worker process " + std::to_string(death.pid);
  if (life.late) return text + " did not say Hello in time" + hint;
  if (life.place == nullptr) text += " of " + settings_.worker_program;
  text += " " + describe(death);
  if (life.place == nullptr)
    text += " before it said Hello";
  else if (scheduler_.workers()[life.worker.id].setting_up)
    text += " while it ran the initializer";
  if (!settings_.limits.empty() && life.place == nullptr)
    text += ", with " + settings_.limits + " as its limits";
  if (!death.stderr_tail.empty()) return text + ": " + death.stderr_tail;
  return life.place == nullptr && death.exit_code >= 0 && settings_.limits.empty() ? text + hint
                                                                                   : text;
}

// Takes everything out of a dead worker's hands; what it had begun is returned.
std::vector<core::Ticket> Loop::detach_held(Ref worker) {
  std::vector<core::Ticket> begun;
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (!call.take_back() && !call.place->is(core::stamp_of(ticket), Claim::recalled))
      begun.push_back(ticket);
  }
  return begun;
}

}  // namespace flagship::pool
