// SPDX-License-Identifier: MIT
#include "common/os/read_all.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace flagship {

std::string read_all(int fd, std::size_t most) {
  std::string text;
  for (char buffer[4096];;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return text;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::runtime_error(std::strerror(errno));
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.size() > most)
      throw std::runtime_error("it has more than " + std::to_string(most) + " bytes");
  }
}

}  // namespace flagship
