// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flagship::sim {

/// The decisions of a run: a line for each step, a number for each decision in it. Whatever is
/// missing is 0, and 0 is always the tamest that can be decided.
using Script = std::vector<std::vector<std::uint32_t>>;

/// In hex, `,` between the numbers of a line and `.` between lines; and back.
std::string text_of(const Script& script);
Script script_from(const std::string& text);

/// Where a run's decisions come from: a seed, or a script that another run has left.
class Choices {
 public:
  explicit Choices(std::uint64_t seed) : state_((seed + 1) * 0x9e3779b97f4a7c15ull) {}
  explicit Choices(const Script& script) : script_(&script) {}

  void begin_step() {
    ++line_;
    at_ = 0;
    if (kept_ != nullptr) kept_->emplace_back();
  }
  std::uint32_t below(std::uint32_t n) {
    return keep(script_ != nullptr ? read() % n
                                   : static_cast<std::uint32_t>((random() >> 32) * n >> 32));
  }
  /// A decision that the run takes by itself, unless a script says otherwise.
  std::uint32_t take(std::uint32_t usual) { return keep(script_ != nullptr ? read() : usual); }
  bool happens(std::uint32_t of_1000) { return below(1000) >= 1000 - of_1000; }

  /// The script has no more lines.
  bool over() const { return script_ != nullptr && line_ > script_->size(); }
  /// Writes down in `kept` what is decided from now on.
  void keep_in(Script& kept) { kept_ = &kept; }

 private:
  std::uint64_t random() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint32_t read() {
    if (line_ == 0 || line_ > script_->size()) return 0;
    const auto& line = (*script_)[line_ - 1];
    return at_ < line.size() ? line[at_++] : 0;
  }
  std::uint32_t keep(std::uint32_t choice) {
    if (kept_ != nullptr) kept_->back().push_back(choice);
    return choice;
  }

  std::uint64_t state_ = 0;
  const Script* script_ = nullptr;
  std::size_t line_ = 0;  // of the script, from 1
  std::size_t at_ = 0;
  Script* kept_ = nullptr;
};

}  // namespace flagship::sim
