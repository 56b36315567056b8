// SPDX-License-Identifier: MIT
#include "tests/sim/walks.hpp"

#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/sim/shrink.hpp"
#include "tests/sim/world.hpp"

namespace flagship::sim {
namespace {

constexpr std::size_t kTries = 20'000;  // a second or two

// Running out of memory is nothing to try again and again.
std::string outcome_of(World& world) {
  try {
    world.run();
  } catch (const Wrong& wrong) {
    return wrong.what();
  } catch (const std::logic_error& wrong) {  // whatever the tables throw is wrong, too
    return wrong.what();
  }
  return {};
}

std::string outcome_of(const Script& script) {
  World world{Choices(script)};
  return outcome_of(world);
}

// The decisions that a seed leads to.
Script script_of(std::uint64_t seed) {
  Script script;
  Choices choices(seed);
  choices.keep_in(script);
  World world(choices);
  outcome_of(world);
  return script;
}

std::string report(std::uint64_t seed, const std::string& wrong) {
  const Script script = script_of(seed);
  const auto fails = [&](const Script& tried) { return outcome_of(tried) == wrong; };
  const Script small = shrink(script, fails, kTries);
  std::ostringstream text;
  text << "seed " << seed << ", " << script.size() << " steps: " << wrong << "\nin " << small.size()
       << " steps: " << replay(small).value_or("it does not happen again")
       << "again: FLAGSHIP_SIM_SEED=" << seed
       << "\nonly this: FLAGSHIP_SIM_REPLAY=" << text_of(small);
  return text.str();
}

}  // namespace

std::optional<std::string> Walks::walk(std::uint64_t seed) {
  World world{Choices(seed)};
  const std::string wrong = outcome_of(world);
  if (!wrong.empty()) return report(seed, wrong);
  ++schedules;
  tasks += world.ended();
  events += world.events();
  sights += world.sights();
  return std::nullopt;
}

std::optional<std::string> replay(const Script& script) {
  World world(Choices(script), true);
  const std::string wrong = outcome_of(world);
  if (wrong.empty()) return std::nullopt;
  return world.story() + "WRONG: " + wrong + "\n";
}

std::string story_of(std::uint64_t seed) {
  World world(Choices(seed), true);
  const std::string wrong = outcome_of(world);
  return world.story() + wrong;
}

}  // namespace flagship::sim
