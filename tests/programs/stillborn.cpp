// SPDX-License-Identifier: MIT
// A worker program that never comes to be one, in the way that STILLBORN in its environment names.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

int main() {
  const char* const named = std::getenv("STILLBORN");
  const std::string how = named != nullptr ? named : "";
  if (how == "words") return std::fprintf(stderr, "cannot find stillborn.conf\n"), 3;
  if (how == "crash") raise(SIGUSR1);
  if (how == "mute")
    for (;;) pause();
}
