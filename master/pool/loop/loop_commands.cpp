// SPDX-License-Identifier: MIT
// The loop's members that carry out what the scheduler decides.
#include <algorithm>
#include <csignal>
#include <utility>

#include "common/wire/lost.hpp"
#include "master/pool/loop/loop.hpp"

namespace flagship::pool {
namespace {

constexpr std::size_t kBatchBytes = 1 << 20;  // a batch of arguments is not grown beyond this

bool is_from_agent(const wire::CallResult& result) {
  return result.by.pid != 0 || result.ending >= wire::CallEnding::timed_out;
}

}  // namespace

void Loop::handle(const core::Event& event) {
  handle_one(event);
  follow_up();
}

void Loop::follow_up() {
  while (!follow_ups_.empty() || !to_harvest_.empty()) {
    std::deque<core::Event> next;
    next.swap(follow_ups_);
    for (const core::Event& event : next) handle_one(event);
    for (const Ref worker : std::exchange(to_harvest_, {})) harvest(worker);
  }
}

void Loop::handle_one(const core::Event& event) {
  commands_.clear();
  scheduler_.handle(event, now_, commands_);
  carry_out(commands_);
}

void Loop::carry_out(core::Commands& commands) {
  for (const core::EndTask& command : commands.ends) end(command);
  for (const core::TaskId task : commands.again)
    if (calls_[task]) calls_[task]->return_to_pending();
  for (const core::StartWorker& command : commands.starts) start(command);
  for (const core::Assign& command : commands.assigns) assign(command, commands);
  for (const core::TakeBack& command : commands.take_backs) take_back(command);
  for (const Ref worker : commands.looks) look(worker);
  for (const Ref worker : commands.harvests) to_harvest_.push_back(worker);
  for (const core::StopTask& command : commands.stops) stop(command);
  for (const Ref worker : commands.kills) kill_politely(worker, SIGTERM);
  for (const core::DrainWorker& command : commands.drains) drain(command.worker);
}

void Loop::start(const core::StartWorker& command) {
  Life& life = lives_[command.worker.id];
  life = {};
  life.worker = command.worker;
  life.alive = true;
  life.concurrency = command.concurrency;
  if (!fleet_->is_agent(command.worker)) life.limit = now_ + settings_.start_limit;
  std::string cause = fleet_->start(command.worker);
  if (cause.empty()) return;
  life = {};
  follow_ups_.emplace_back(core::StartFailed{command.worker, std::move(cause)});
}

void Loop::assign(const core::Assign& command, const core::Commands& commands) {
  ClaimPage& claims = fleet_->claims(command.worker);
  const bool lend = fleet_->is_agent(command.worker);
  std::size_t bytes = 0;
  const auto send = [&] {
    if (writer_.batched() > 0) fleet_->send(command.worker, writer_.take_assign());
    bytes = 0;
  };
  for (std::uint32_t i = command.first; i < command.first + command.count; ++i) {
    const core::AssignedTask& task = commands.assigned[i];
    detail::RemoteCall& call = *calls_[core::task_of(task.ticket)];
    call.stamp = core::stamp_of(task.ticket);
    call.place = &claims[task.place];
    call.assigned = now_;
    if (lend)
      call.place->lend(call.stamp);
    else
      call.place->hold(call.stamp);
    if (!call.hand_over()) {
      follow_ups_.emplace_back(core::TaskCancelled{core::task_of(task.ticket), true});
      continue;
    }
    writer_.add({task.ticket, task.place, call.function, call.notify, call.payload, task.attempt,
                 call.timeout},
                call.large_payload);
    bytes += call.large_payload ? call.large_payload->size() : call.payload.size();
    if (bytes >= kBatchBytes) send();
  }
  send();
}

void Loop::take_back(const core::TakeBack& command) {
  std::vector<core::Ticket> taken;
  if (fleet_->is_agent(command.worker)) {
    for (const core::AssignedTask& task : command.tasks) taken.push_back(task.ticket);
    return fleet_->send(command.worker, writer_.recall(taken));
  }
  for (const core::AssignedTask& task : command.tasks)
    if (calls_[core::task_of(task.ticket)]->take_back()) taken.push_back(task.ticket);
  if (!taken.empty())
    follow_ups_.emplace_back(core::TasksTakenBack{command.worker, std::move(taken)});
}

void Loop::look(Ref worker) {
  core::WorkerSeen seen{worker, {}};
  if (fleet_->is_agent(worker)) {  // which keeps the time itself
    follow_ups_.emplace_back(std::move(seen));
    return;
  }
  for (const core::Ticket ticket : scheduler_.workers().held_by(scheduler_.workers()[worker.id])) {
    const detail::RemoteCall& call = *calls_[core::task_of(ticket)];
    if (const auto began = call.place->running_since(core::stamp_of(ticket)))
      seen.running.push_back({ticket, *began});
  }
  follow_ups_.emplace_back(std::move(seen));
}

void Loop::stop(const core::StopTask& command) {
  if (calls_[core::task_of(command.task.ticket)]->stop_running())
    follow_ups_.emplace_back(core::TaskStopped{command.task.ticket, true});
}

void Loop::drain(Ref worker) {
  Life& life = lives_[worker.id];
  life.asked = true;
  fleet_->expect_end(worker);
  // Who has not come yet need not come.
  if (fleet_->is_agent(worker) && life.place == nullptr) return fleet_->signal(worker, SIGKILL);
  life.limit = now_ + settings_.drain_limit;
  fleet_->send(worker, writer_.drain());
}

void Loop::end(const core::EndTask& end) {
  detail::RemoteCall& call = *calls_[end.task];
  const auto& place = lives_[end.worker].place;
  switch (end.why) {
    case core::Why::result:
      if (const wire::CallResult result = this->result(end.index); is_from_agent(result))
        end_from_agent(call, result, end);
      else
        complete(call, result, end.attempt, place);
      break;
    case core::Why::worker_died:
      salvage(call, end);
      complete_dead(call, *death_, end.attempt, place);
      break;
    case core::Why::cancelled:
      call.cancel_by_owner();
      break;
    case core::Why::timed_out:
      salvage(call, end);
      complete_timed_out(call, timeout_of(call), end.attempt, place);
      break;
    case core::Why::broken:
      complete_broken(call, *scheduler_.broken());
      break;
  }
  drop(end.task);
}

void Loop::end_from_agent(detail::RemoteCall& call, const wire::CallResult& result,
                          const core::EndTask& end) {
  const std::shared_ptr<const detail::Place>& place = place_of(end.worker, result);
  if (result.ending != wire::CallEnding::timed_out &&
      result.ending != wire::CallEnding::worker_died)
    return complete(call, result, end.attempt, place);
  wire::LostCall lost = wire::unpack_lost(result.payload);
  call.salvage(lost.notes);
  if (result.ending == wire::CallEnding::timed_out)
    return complete_timed_out(call, timeout_of(call), end.attempt, place);
  if (settings_.scheduler.on_death == core::OnDeath::break_pool)
    follow_ups_.emplace_back(core::PoolBroke{"worker process " + std::to_string(lost.death.pid) +
                                             " of " + lost.death.host + " " +
                                             describe(lost.death)});
  complete_dead(call, std::move(lost.death), end.attempt, place);
}

// Results of an agent say which of its workers they are of.
const std::shared_ptr<const detail::Place>& Loop::place_of(std::uint32_t worker,
                                                           const wire::CallResult& result) {
  constexpr std::uint32_t kMostWorkers = 100'000;
  Life& life = lives_[worker];
  if (result.by.pid == 0 || result.by.worker >= kMostWorkers || !fleet_->is_agent(life.worker))
    return life.place;
  if (result.by.worker >= life.places.size()) life.places.resize(result.by.worker + 1);
  auto& place = life.places[result.by.worker];
  if (!place || place->pid != result.by.pid)
    place = std::make_shared<const detail::Place>(detail::Place{
        fleet_->host(life.worker), result.by.pid, static_cast<int>(result.by.worker)});
  return place;
}

void Loop::salvage(detail::RemoteCall& call, const core::EndTask& end) {
  const core::Ticket ticket = core::make_ticket(end.task, call.stamp);
  call.salvage(detail::ChunkNotes::read(fleet_->claims(lives_[end.worker].worker).notes(), ticket));
}

// Of what is being handled; they are asked for in order.
wire::CallResult Loop::result(std::uint32_t index) {
  if (harvested_ != nullptr) return (*harvested_)[index];
  std::optional<wire::CallResult> result = reader_.next();
  for (++next_result_; next_result_ <= index; ++next_result_) result = reader_.next();
  return *result;
}

}  // namespace flagship::pool
