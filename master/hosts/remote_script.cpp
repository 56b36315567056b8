// SPDX-License-Identifier: MIT
#include "master/hosts/remote_script.hpp"

#include <stdexcept>
#include <string_view>

namespace flagship::hosts {
namespace {

// One line each, and none of ' \ !, which shells read differently within '...'.

constexpr std::string_view kFind =
    "find_it() { case $1 in \"~/\"*) p=$HOME/${1#??};; *) p=$1;; esac; "
    "test -f \"$p\" && return; echo \"flagship: no program $p on $(uname -n)\" >&2; return 1; }; "
    "n=1; ";

// What is renamed is whole, so a copy under its final name is; its size is looked at all the same,
// for what a crash of that machine may leave. Whoever reads the bytes may read ahead: nothing
// follows them before the script has said that it has them. Copies that were not used for a week go
// when another comes: each build leaves one.
constexpr std::string_view kFindKept =
    "whole() { test -f \"$1\" && test $(wc -c < \"$1\") -eq \"$s\"; }; "
    "keep() { t=$p.$(uname -n).$$; umask 077; LC_ALL=C; export LC_ALL; "
    "mkdir -p \"$d\" && chmod 700 \"$d\" && echo \"flagship: lacks $m\" && "
    "head -c \"$s\" > \"$t\" && whole \"$t\" && chmod 700 \"$t\" && mv -f \"$t\" \"$p\" && "
    "{ find \"$HOME/.cache/flagship\" -type f -mtime +7 -exec rm -f {} +; return 0; }; "
    "rm -f \"$t\"; echo \"flagship: no copy kept in $d\" >&2; return 1; }; "
    "find_it() { d=$HOME/.cache/flagship/$1; p=$d/$2; s=$3; "
    "{ whole \"$p\" && touch \"$p\"; } || (keep) || return 1; "
    "test -x \"$p\" && return; echo \"flagship: not to be run: $p\" >&2; return 1; }; "
    "n=3; ";

// sshd leaves the sockets behind that it made: they are removed whatever happens, also when nobody
// hears any more what is said.
constexpr std::string_view kRun =
    "m=$(uname -m); trap : PIPE; find_it \"$@\"; e=$?; shift $n; "
    "if test $e -eq 0; then echo \"flagship: begins $m\"; "
    "test $# -gt 0 || exec \"$p\" --flagship-agent; \"$p\" --flagship-agent; e=$?; fi; "
    "rm -f \"$@\"; exit $e";

std::vector<std::string> script(std::string_view find, const std::vector<std::string>& arguments,
                                const std::vector<std::string>& sockets) {
  std::vector<std::string> words{"/bin/sh", "-c", std::string(find) + std::string(kRun), "sh"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), sockets.begin(), sockets.end());
  return words;
}

}  // namespace

std::vector<std::string> run_script(const std::string& path,
                                    const std::vector<std::string>& sockets) {
  return script(kFind, {path}, sockets);
}

std::vector<std::string> run_kept_script(const KeptProgram& program,
                                         const std::vector<std::string>& sockets) {
  return script(kFindKept, {program.build, program.name, std::to_string(program.size)}, sockets);
}

std::string for_login_shell(const std::vector<std::string>& words) {
  std::string command = "exec";
  for (const std::string& word : words) {
    if (word.find_first_of("'\\!\n") != std::string::npos)
      throw std::invalid_argument("no login shell can be told the path \"" + word +
                                  "\": it must not have quotes, backslashes, '!' or ends of line");
    command += " '" + word + "'";
  }
  return command;
}

}  // namespace flagship::hosts
