// SPDX-License-Identifier: MIT
#include "master/hosts/causes.hpp"

#include <array>
#include <utility>

namespace flagship::hosts {
namespace {

constexpr std::array kNotCopied{
    KnownTrouble{"No space left on device",
                 "% has no room for a copy of the program in ~/.cache/flagship: make some there, "
                 "or name a program of its own by 'executable'",
                 true},
    KnownTrouble{"Disk quota exceeded",
                 "% has no room for a copy of the program in ~/.cache/flagship: make some there, "
                 "or name a program of its own by 'executable'",
                 true},
    KnownTrouble{"flagship: no copy kept",
                 "% cannot keep a copy of the program in ~/.cache/flagship: let it write there, or "
                 "name a program of its own by 'executable'",
                 true},
    KnownTrouble{"flagship: not to be run",
                 "% runs no programs from ~/.cache/flagship, as when it is mounted noexec: name "
                 "one of its own by 'executable'",
                 true},
    KnownTrouble{"flagship: no program",
                 "% has no such program: install it there, or name the right one by 'executable'",
                 true},
};

constexpr std::array kNotLoaded{
    KnownTrouble{"error while loading shared libraries",
                 "the program lacks a library on %: install the package there that holds it", true},
    KnownTrouble{"' not found (required by",
                 "the libraries on % are older than those that the program was built with: build "
                 "it on the oldest of the hosts",
                 true},
};

constexpr std::array kNotExecuted{
    KnownTrouble{"xec format error",
                 "the program is not for the processor of %: name one that is by 'executable'",
                 true},
    KnownTrouble{"cannot execute binary file",
                 "the program is not for the processor of %: name one that is by 'executable'",
                 true},
    KnownTrouble{"Syntax error",  // a shell's of what it took for a script
                 "the program is not for the processor of %: name one that is by 'executable'",
                 true},
    KnownTrouble{"Permission denied",
                 "% does not let the program run where it is, as when that is mounted noexec: name "
                 "another by 'executable'",
                 true},
    KnownTrouble{"not found",
                 "the program cannot be loaded on %: what it was linked for is not there", true},
};

bool not_executed(const Death& death) {
  return death.exit_code == 126 || death.exit_code == 127 || death.exit_code == 2;
}

std::string_view line_with(std::string_view part, std::string_view text) {
  const std::size_t at = text.find(part);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = text.rfind('\n', at) + 1;  // none: 0
  std::string_view line = text.substr(begin, text.find('\n', at) - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);  // as ssh ends its own
  return line;
}

std::string about(std::string_view host, std::string_view sentence) {
  std::string text;
  for (const char c : sentence) {
    if (c == '%')
      text += host;
    else
      text += c;
  }
  return text;
}

// A shell's way to say it, and srun's.
int signal_in(const Death& death) {
  return death.exit_code > 128 && death.exit_code < 128 + 65 ? death.exit_code - 128 : 0;
}

std::string with_last_words(std::string text, const End& end) {
  if (end.death.stderr_tail.empty()) return text;
  return std::move(text) + ": " + end.death.stderr_tail;
}

}  // namespace

Cause known_cause(std::span<const KnownTrouble> troubles, const End& end) {
  for (const KnownTrouble& trouble : troubles) {
    const std::string_view line = line_with(trouble.said, end.death.stderr_tail);
    if (!line.empty())
      return {about(end.host, trouble.sentence) + " (" + std::string(line) + ")", trouble.hopeless};
  }
  return {};
}

Cause program_cause(const End& end) {
  if (end.stopped && !end.begun)
    return {with_last_words("its agent had not begun when it was stopped", end)};
  if (!end.begun) return known_cause(kNotCopied, end);
  if (end.death.exit_code == 0) return {"its agent left in order"};
  if (Cause cause = known_cause(kNotLoaded, end)) return cause;
  if (const int signal = signal_in(end.death)) {
    Death death;
    death.signal = signal;
    return {with_last_words("the agent on " + end.host + " " + describe(death), end)};
  }
  return not_executed(end.death) ? known_cause(kNotExecuted, end) : Cause();
}

Cause plain_cause(const End& end) {
  return {with_last_words(end.carrier + " " + describe(end.death), end)};
}

}  // namespace flagship::hosts
