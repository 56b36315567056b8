// SPDX-License-Identifier: MIT
#include "common/spawn_request.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "flagship/serializer.hpp"

namespace flagship {
namespace {

constexpr std::size_t kMostBytes = 16 * 1024;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

using Descriptors = std::array<int, 2>;  // claim page, output

union ControlBuffer {  // aligned for a header, room for the descriptors
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(Descriptors))];
};

}  // namespace

std::pair<UniqueFd, UniqueFd> packet_sockets() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0)
    fail("cannot make a socket for a worker");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void send_request(int socket, const SpawnRequest& request, int claim_page, int output) {
  const Descriptors descriptors{claim_page, output};
  std::string body;
  Writer(body).put(request);
  iovec part{body.data(), body.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof descriptors);
  std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
  if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) fail("cannot ask for a worker");
}

bool receive_request(int socket, ReceivedRequest& received) {
  std::string body(kMostBytes, '\0');
  iovec part{body.data(), body.size()};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t bytes = 0;
  do bytes = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (bytes < 0 && errno == EINTR);
  if (bytes < 0) fail("cannot receive the order to start a worker");
  if (bytes == 0) return false;
  if (bytes == sizeof received.news) {
    std::memcpy(&received.news, body.data(), sizeof received.news);
    return true;
  }
  Descriptors descriptors{-1, -1};
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message);
      header != nullptr && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof descriptors))
    std::memcpy(descriptors.data(), CMSG_DATA(header), sizeof descriptors);
  received.claim_page.reset(descriptors[0]);
  received.output.reset(descriptors[1]);
  Reader in(std::string_view(body).substr(0, static_cast<std::size_t>(bytes)));
  received.request = in.get<SpawnRequest>();
  return true;
}

void send_news(int socket, WorkerNews news) {
  if (send(socket, &news, sizeof news, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    fail("cannot tell of a worker");
}

void send_pid(int socket, pid_t pid) {
  if (send(socket, &pid, sizeof pid, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    fail("cannot answer the supervisor");
}

std::optional<pid_t> receive_pid(int socket) {
  pid_t pid = 0;
  ssize_t bytes = 0;
  do bytes = recv(socket, &pid, sizeof pid, MSG_DONTWAIT);
  while (bytes < 0 && errno == EINTR);
  if (bytes < 0 && errno == EAGAIN) return std::nullopt;
  if (bytes < 0) fail("no answer from the process that starts workers");
  if (bytes != sizeof pid) {
    errno = EPIPE;
    fail("the process that starts workers has ended");
  }
  return pid;
}

}  // namespace flagship
