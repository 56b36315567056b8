// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace flagship::fetch {

/// What a robots.txt asks of one robot, as RFC 9309 has it. A value.
class RobotsRules {
 public:
  /// So much of a file is heeded (RFC 9309, 2.5: at least 500 KiB).
  static constexpr std::size_t kMostBytes = 512 * 1024;

  /// The file's group for `agent`, a product token in any case; where it has none, the one for
  /// every robot. Whatever cannot be read is passed over.
  static RobotsRules read(std::string_view file, std::string_view agent);

  /// Whether the robot may ask for `url`: the longest rule that fits it decides, of two as long the
  /// one that allows. Of the URL, path and query count.
  bool allows(std::string_view url) const;

 private:
  struct Rule {
    bool allow = false;
    bool anchored = false;  // "$": it fits all of a path or nothing
    std::string pattern;    // normalised; '*' is anything

    bool fits(std::string_view path) const;
  };

  std::vector<Rule> rules_;
};

/// "flagship" of "flagship/0.1.0": the name by which a robots.txt knows who sends this User-Agent.
std::string robot_name(std::string_view user_agent);

}  // namespace flagship::fetch
