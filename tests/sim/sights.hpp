// SPDX-License-Identifier: MIT
// What has to happen in the walks now and then, or they prove little.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace flagship::sim {

enum class Sight : std::uint8_t {
  death_while_starting,
  death_while_idle,
  death_while_running,
  death_with_results_unsent,
  death_with_results_in_flight,
  death_with_results_in_the_outbox,
  message_lost,
  message_after_the_funeral,
  message_twice,
  messages_reordered_between_workers,
  word_of_an_earlier_life,
  start_failed,
  restart_after_back_off,
  cancel_of_a_queued_task,
  cancel_of_a_held_task,
  cancel_before_it_was_sent,
  cancel_too_late,
  interrupt,
  interrupt_too_late,
  time_out,
  time_out_too_late,
  take_back,
  take_back_too_late,
  take_back_from_the_dead,
  task_passed_over,
  harvest_from_the_living,
  result_again_after_its_harvest,
  retry_after_an_exception,
  retry_after_a_death,
  attempts_used_up,
  recycled_by_count,
  recycled_by_size,
  idle_worker_dismissed,
  shutdown_amid_work,
  cancelling_shutdown_amid_work,
  terminate_amid_work,
  break_amid_work,
  broken_by_fruitless_starts,
  broken_by_a_death,
  death_while_it_is_set_up,
  death_of_who_lasted_and_did_nothing,
  death_of_an_agent_with_tasks,
  death_of_an_agents_worker,
  retry_after_a_death_at_an_agent,
  give_back,
  give_back_unasked,
  give_back_too_late,
  interrupt_at_an_agent,
  result_after_its_interrupt,
  agent_wants_to_go,
  agent_wants_to_go_before_it_came,
  agent_let_go,
  agent_not_waited_for,
  host_given_up,
  broken_without_a_host,
  broken_by_a_death_at_an_agent,
  the_end_of_the_list
};

constexpr std::size_t kSights = static_cast<std::size_t>(Sight::the_end_of_the_list);

constexpr std::array<const char*, kSights> kSightNames = {
    "death while starting",
    "death while idle",
    "death while running",
    "death with results unsent",
    "death with results in flight",
    "death with results in the outbox",
    "message lost",
    "message after the funeral",
    "message twice",
    "messages reordered between workers",
    "word of an earlier life",
    "start failed",
    "restart after back-off",
    "cancel of a queued task",
    "cancel of a held task",
    "cancel before it was sent",
    "cancel too late",
    "interrupt",
    "interrupt too late",
    "time-out",
    "time-out too late",
    "take-back",
    "take-back too late",
    "take-back from the dead",
    "task passed over",
    "harvest from the living",
    "result again after its harvest",
    "retry after an exception",
    "retry after a death",
    "attempts used up",
    "recycled by count",
    "recycled by size",
    "idle worker dismissed",
    "shutdown amid work",
    "cancelling shutdown amid work",
    "terminate amid work",
    "break amid work",
    "broken by fruitless starts",
    "broken by a death",
    "death while it is set up",
    "death of who lasted and did nothing",
    "death of an agent with tasks",
    "death of an agent's worker",
    "retry after a death at an agent",
    "give-back",
    "give-back unasked",
    "give-back too late",
    "interrupt at an agent",
    "result after its interrupt",
    "agent wants to go",
    "agent wants to go before it came",
    "agent let go",
    "agent not waited for",
    "host given up",
    "broken without a host",
    "broken by a death at an agent",
};

class Sights {
 public:
  void saw(Sight sight) { ++counts_[static_cast<std::size_t>(sight)]; }
  std::uint64_t operator[](std::size_t i) const { return counts_[i]; }
  Sights& operator+=(const Sights& other) {
    for (std::size_t i = 0; i < kSights; ++i) counts_[i] += other.counts_[i];
    return *this;
  }

 private:
  std::array<std::uint64_t, kSights> counts_{};
};

}  // namespace flagship::sim
