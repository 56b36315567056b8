// SPDX-License-Identifier: MIT
// A download worker in a stranger's hands: instead of downloading, it tries what it must not do,
// and says how far it came.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <flagship/flagship.hpp>
#include <string>

#include "flagship/v1/fetch.pb.h"

namespace {

using namespace flagship;

std::string outcome(const char* what, long result) {
  return std::string(what) + (result < 0 ? " refused" : " done") + "; ";
}

long write_file(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  return fd < 0 ? fd : close(fd);
}

long serve() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const long result = bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof any);
  close(fd);
  return result;
}

long open_memory(pid_t of) {
  const int fd = open(("/proc/" + std::to_string(of) + "/mem").c_str(), O_RDWR | O_CLOEXEC);
  return fd < 0 ? fd : close(fd);
}

/// Out of the process group that ends with it.
long escape() {
  const pid_t child = fork();
  if (child == 0) _exit(setsid() < 0 ? 1 : 0);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? 0 : -1;
}

v1::FetchResult attack(const v1::FetchRequest& request) {
  const bool keeps_files = !request.path().empty();
  v1::FetchResult result;
  result.set_outcome(v1::FETCH_ERROR);
  result.set_error_class(v1::PROTOCOL);
  result.set_reason(outcome("inside", keeps_files ? write_file(request.path() + ".inside") : -1) +
                    outcome("beside", write_file("beside")) +
                    outcome("/tmp", write_file("/tmp/hostile")) +
                    outcome("signal", kill(getppid(), 0)) +
                    outcome("trace", ptrace(PTRACE_SEIZE, getppid(), nullptr, nullptr)) +
                    outcome("memory", open_memory(getppid())) + outcome("escape", escape()) +
                    outcome("serve", serve()));
  return result;
}

}  // namespace

FLAGSHIP_TASK("fetch", attack)

int main(int argc, char** argv) { flagship::init(argc, argv); }
