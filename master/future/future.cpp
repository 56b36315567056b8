// SPDX-License-Identifier: MIT
#include "flagship/future.hpp"

#include <algorithm>
#include <sstream>

#include "common/type_name.hpp"

namespace flagship::detail {
namespace {

std::string thrown_type(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const RemoteError& remote) {
    return remote.type_name();
  } catch (...) {
    return current_exception_type_name();
  }
}

void wait_until_done(const StateBase& state, Deadline deadline) {
  if (!state.wait(deadline)) throw TimeoutError();
  if (state.phase() == Phase::cancelled) throw_cancelled(state);
}

}  // namespace

Deadline deadline_in(duration time) {
  const Clock::time_point now = Clock::now();
  if (time >= Clock::time_point::max() - now)
    return std::nullopt;  // longer than the clock will run
  return now + std::max(time, duration::zero());
}

void throw_invalid_state(const StateBase& state) {
  std::ostringstream text;
  text << "the result of ";
  print(text, state);
  text << " is set already: its state is " << to_string(state.state());
  throw InvalidStateError(text.str());
}

void throw_cancelled(const StateBase&) { throw CancelledError(); }

void wait_for_value(const StateBase& state, Deadline deadline) {
  wait_until_done(state, deadline);
  if (state.error()) std::rethrow_exception(state.error());
}

std::exception_ptr wait_for_error(const StateBase& state, Deadline deadline) {
  wait_until_done(state, deadline);
  return state.error();
}

std::optional<Outcome> outcome_of(const StateBase& state) {
  if (!state.done()) return std::nullopt;
  const Facts& facts = state.facts();
  Outcome outcome;
  outcome.ending = state.ending();
  if (facts.place) {
    outcome.host = facts.place->host;
    outcome.pid = facts.place->pid;
    outcome.worker = facts.place->worker;
    outcome.backtrace = facts.place->backtrace;
  }
  outcome.attempt = facts.attempt;
  outcome.queued = facts.queued;
  outcome.wall = facts.wall;
  outcome.user = facts.user;
  outcome.system = facts.system;
  outcome.peak_rss = facts.peak_rss;
  return outcome;
}

void print(std::ostream& out, const StateBase& state) {
  const State now = state.state();
  out << "<Future " << state.id() << ' ' << state.name() << " state=" << to_string(now);
  if (now == State::finished) {
    if (state.error())
      out << " raised " << thrown_type(state.error());
    else
      out << " returned " << state.value_type();
  }
  out << '>';
}

}  // namespace flagship::detail
