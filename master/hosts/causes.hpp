// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "flagship/error.hpp"

namespace flagship::hosts {

/// Why an agent has ended, in a sentence, and whether another start would end the same way.
struct Cause {
  std::string text{};
  bool hopeless = false;
  explicit operator bool() const { return !text.empty(); }
};

/// What is known of an agent's end.
struct End {
  std::string carrier{};  // who took it there: "ssh to build1"
  std::string host{};     // where to: "build1"
  bool begun = false;     // its program had begun there
  bool stopped = false;   // it was told to end
  Death death{};          // of the carrier, with what both said last
};

/// A trouble known by a part of the line that tells it. In the sentence, % stands for the host.
struct KnownTrouble {
  std::string_view said;
  std::string_view sentence;
  bool hopeless = false;
};

/// The first of the table that was said, with the line; none: no text.
Cause known_cause(std::span<const KnownTrouble> troubles, const End& end);
/// Of a program that ended as it should, or cannot run where it is; neither: no text.
Cause program_cause(const End& end);
/// "ssh to build1 exited with code 3: what it said last".
Cause plain_cause(const End& end);

}  // namespace flagship::hosts
