// SPDX-License-Identifier: MIT
#include "master/pool/loop/completion.hpp"

#include "common/units.hpp"
#include "common/wire/raised.hpp"

namespace flagship::pool {
namespace {

std::exception_ptr read_value(detail::RemoteCall& call, std::string_view bytes) {
  try {
    call.read_result(bytes);
    return nullptr;
  } catch (const SerializationError&) {
    return std::current_exception();
  } catch (const std::exception& error) {
    return std::make_exception_ptr(
        SerializationError(std::string("the result could not be read: ") + error.what()));
  } catch (...) {
    return std::make_exception_ptr(SerializationError("the result could not be read"));
  }
}

/// Without an error: it returned.
wire::Raised raised_of(detail::RemoteCall& call, const wire::CallResult& result) {
  switch (result.ending) {
    case wire::CallEnding::returned:
      return {read_value(call, result.payload)};
    case wire::CallEnding::raised:
      return wire::unpack_raised(result.payload);
    case wire::CallEnding::unknown_function:
      return {std::make_exception_ptr(
          UnknownTask("no worker has a task named '" + std::string(call.name()) + "'"))};
    case wire::CallEnding::bad_arguments:
      return {std::make_exception_ptr(
          SerializationError("the arguments of '" + std::string(call.name()) +
                             "' could not be read: " + wire::packed_message(result.payload)))};
    case wire::CallEnding::bad_result:
      return {std::make_exception_ptr(
          SerializationError("the result of '" + std::string(call.name()) +
                             "' could not be written: " + wire::packed_message(result.payload)))};
    case wire::CallEnding::recalled:
    case wire::CallEnding::timed_out:  // these two never come here
    case wire::CallEnding::worker_died:
      break;
  }
  return {std::make_exception_ptr(CancelledError())};
}

detail::Facts facts_of(const detail::RemoteCall& call, std::uint32_t attempt,
                       const std::shared_ptr<const detail::Place>& place) {
  detail::Facts facts;
  facts.place = place;
  facts.attempt = static_cast<int>(attempt);
  facts.queued = call.assigned - call.accepted;
  return facts;
}

/// Only a call that threw has a place of its own: the others share their worker's.
std::shared_ptr<const detail::Place> with_backtrace(
    const std::shared_ptr<const detail::Place>& place, std::string backtrace) {
  auto own = std::make_shared<detail::Place>(place ? *place : detail::Place{});
  own->backtrace = std::move(backtrace);
  return own;
}

}  // namespace

void complete(detail::RemoteCall& call, const wire::CallResult& result, std::uint32_t attempt,
              const std::shared_ptr<const detail::Place>& place) {
  detail::Facts facts = facts_of(call, attempt, place);
  if (result.usage) {
    facts.wall = result.usage->wall;
    facts.user = result.usage->user;
    facts.system = result.usage->system;
    facts.peak_rss = result.usage->peak_rss;
  }
  if (result.ending != wire::CallEnding::returned &&
      call.take_answer(static_cast<std::uint8_t>(result.ending), result.payload))
    return static_cast<void>(call.finish(Ending::raised, nullptr, std::move(facts)));
  wire::Raised raised = raised_of(call, result);
  if (!raised.backtrace.empty()) facts.place = with_backtrace(place, std::move(raised.backtrace));
  const Ending ending = raised.error ? Ending::raised : Ending::returned;
  call.finish(ending, std::move(raised.error), std::move(facts));
}

void complete_dead(detail::RemoteCall& call, Death death, std::uint32_t attempt,
                   const std::shared_ptr<const detail::Place>& place) {
  death.task = call.name();
  death.attempt = static_cast<int>(attempt);
  call.finish(Ending::worker_died, std::make_exception_ptr(WorkerDied(std::move(death))),
              facts_of(call, attempt, place));
}

void complete_timed_out(detail::RemoteCall& call, duration timeout, std::uint32_t attempt,
                        const std::shared_ptr<const detail::Place>& place) {
  detail::Facts facts = facts_of(call, attempt, place);
  facts.wall = timeout;
  const std::string what = "'" + std::string(call.name()) + "' ran longer than its time limit of " +
                           format_duration(timeout);
  call.finish(Ending::timed_out, std::make_exception_ptr(TaskTimeout(what)), std::move(facts));
}

void complete_broken(detail::RemoteCall& call, const std::string& cause) {
  call.finish(Ending::worker_died, std::make_exception_ptr(BrokenProcessPool(cause)));
}

}  // namespace flagship::pool
