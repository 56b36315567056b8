// SPDX-License-Identifier: MIT
// A practice server in this process, and a client that says exactly what it is told to.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "master/serve/server.hpp"
#include "tests/support/patience.hpp"

namespace flagship::serve {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::kPatience;
using test::wait_until;

inline const std::string kBrazil = "GIF89a, of Brazil: forty bytes, no more.";
inline const std::string kChina = "GIF89a, of China";

inline std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

inline std::string get(const std::string& target, const std::string& headers = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: here\r\n" + headers + "\r\n";
}

struct Answer {
  std::string head;
  std::string body;

  int status() const { return std::stoi(head.substr(head.find(' '))); }

  std::string header(const std::string& name) const {
    const std::size_t start = head.find("\r\n" + name + ": ");
    if (start == std::string::npos) return {};
    const std::size_t value = start + name.size() + 4;
    return head.substr(value, head.find("\r\n", value) - value);
  }

  std::size_t length() const {
    const std::string length = header("Content-Length");
    return length.empty() ? 0 : std::stoul(length);
  }
};

class Client {
 public:
  explicit Client(std::uint16_t port) : Client() { connect(port); }

  Client() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "socket");
    const timeval patience{std::chrono::seconds(kPatience).count(), 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Client& operator=(Client&&) = delete;

  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }

  void connect(std::uint16_t port) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw std::system_error(errno, std::generic_category(), "connect");
    }
  }

  void send(std::string_view text) const {
    ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }

  // The next answer, and not a byte of the one after it.
  Answer receive() {
    Answer answer = receive_head();
    fill(answer.length());
    answer.body = take(answer.length());
    return answer;
  }

  Answer receive_head() {
    while (input_.find("\r\n\r\n") == std::string::npos) {
      if (!read_more()) throw std::runtime_error("no whole head: \"" + input_ + '"');
    }
    return {take(input_.find("\r\n\r\n") + 4), {}};
  }

  std::string receive_to_end() {
    while (read_more()) {
    }
    return std::exchange(input_, {});
  }

  Answer ask(const std::string& request) {
    send(request);
    return receive();
  }

  // How the connection ended: 0 in order, or an errno. Nothing while it lasts.
  std::optional<int> end() const { return end_; }

  int descriptor() const { return fd_; }

 private:
  void fill(std::size_t size) {
    while (input_.size() < size) {
      if (!read_more()) throw std::runtime_error("a short body: \"" + input_ + '"');
    }
  }

  std::string take(std::size_t size) {
    std::string taken = input_.substr(0, size);
    input_.erase(0, size);
    return taken;
  }

  bool read_more() {
    char bytes[4096];
    const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
    if (count <= 0) end_ = count == 0 ? 0 : errno;
    if (count > 0) input_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }

  int fd_;
  std::string input_;
  std::optional<int> end_;
};

inline Answer ask(const Server& server, const std::string& request) {
  return Client(server.port()).ask(request);
}

// A folder with some flags in it. No test may leave a descriptor behind.
class ServeTest : public testing::Test {
 protected:
  ServeTest() {
    std::string name = (fs::temp_directory_path() / "serve_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category());
    folder_ = name;
    options_.root = folder_ / "root";
    write("root/br.gif", kBrazil);
    write("root/cn.gif", kChina);
  }

  ~ServeTest() override {
    fs::remove_all(folder_);
    EXPECT_EQ(open_descriptors(), descriptors_);
  }

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << text;
  }

  std::string refusal() const {
    try {
      const Server server(options_);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  }

  const std::size_t descriptors_ = open_descriptors();
  fs::path folder_;
  Options options_;
};

using ServedFlags = ServeTest;
using ServedConnections = ServeTest;
using ServedRoots = ServeTest;
using ServedPort = ServeTest;
using ServedDelays = ServeTest;
using ServedFaults = ServeTest;

}  // namespace flagship::serve
