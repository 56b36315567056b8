// SPDX-License-Identifier: MIT
// What runs on a host before the agent's program does: a POSIX shell's scripts, whose words Way
// tells.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace flagship::hosts {

/// A program as a host keeps it: ~/.cache/flagship/BUILD/NAME.
struct KeptProgram {
  std::string build;
  std::string name;
  std::size_t size = 0;  // bytes
};

/// Words to be executed as they are. They run `path`, of which "~/" is the home folder there, and
/// then remove the sockets.
std::vector<std::string> run_script(const std::string& path,
                                    const std::vector<std::string>& sockets = {});
/// The same with the copy that is kept there. When there is none it says "flagship: lacks MACHINE",
/// and its standard input has to bring the program.
std::vector<std::string> run_kept_script(const KeptProgram& program,
                                         const std::vector<std::string>& sockets = {});

/// One command for a login shell, whichever it is: sh, csh and fish read it alike. Throws
/// std::invalid_argument when a word cannot be said to all of them.
std::string for_login_shell(const std::vector<std::string>& words);

}  // namespace flagship::hosts
