// SPDX-License-Identifier: MIT
#include "master/serve/server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace flagship::serve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::AllOf;
using testing::Each;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// Must not run out.
constexpr auto kPatience = 60s;

const std::string kBrazil = "GIF89a, of Brazil: forty bytes, no more.";
const std::string kChina = "GIF89a, of China";

std::size_t open_descriptors() {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

template <typename Condition>
bool wait_until(Condition condition) {
  const auto end = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::string get(const std::string& target, const std::string& headers = {}) {
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

Answer ask(const Server& server, const std::string& request) {
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

TEST_F(ServedFlags, AFlagIsAnsweredWithItsImageItsTypeAndItsLength) {
  const Server server(options_);
  const Answer answer = ask(server, get("/flags/br/br.gif"));
  EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(answer.header("Content-Type"), "image/gif");
  EXPECT_EQ(answer.length(), kBrazil.size());
  EXPECT_EQ(answer.body, kBrazil);
}

TEST_F(ServedFlags, ABodyHoldsEveryByteOfTheFile) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>(i * i);
  write("root/vn.gif", bytes);
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/vn/vn.gif")).body, bytes);
}

TEST_F(ServedFlags, TheBaseUrlNamesThePort) {
  const Server server(options_);
  EXPECT_EQ(server.base_url(), "http://127.0.0.1:" + std::to_string(server.port()) + "/flags");
}

TEST_F(ServedFlags, CodesMayBeInAnyCaseInTheUrl) {
  const Server server(options_);
  Client client(server.port());
  for (const char* path : {"/flags/BR/BR.gif", "/flags/br/BR.gif", "/flags/Br/bR.gif"}) {
    EXPECT_EQ(client.ask(get(path)).body, kBrazil) << path;
  }
}

TEST_F(ServedFlags, AQueryIsIgnored) {
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/br/br.gif?i=5")).body, kBrazil);
  EXPECT_EQ(ask(server, get("/flags/br/br.gif?/../cn/cn.gif")).body, kBrazil);
}

TEST_F(ServedFlags, AnAbsoluteUrlIsTakenLikeItsPath) {
  const Server server(options_);
  EXPECT_EQ(ask(server, get(server.base_url() + "/br/br.gif")).body, kBrazil);
  EXPECT_EQ(ask(server, get("http://here")).status(), 404);
}

TEST_F(ServedFlags, AnEtagBelongsToAnImage) {
  std::optional<Server> server(std::in_place, options_);
  const std::string etag = ask(*server, get("/flags/br/br.gif")).header("ETag");
  EXPECT_THAT(etag, AllOf(StartsWith("\""), EndsWith("\"")));
  EXPECT_NE(ask(*server, get("/flags/cn/cn.gif")).header("ETag"), etag);
  server.emplace(options_);
  EXPECT_EQ(ask(*server, get("/flags/br/br.gif")).header("ETag"), etag);
}

TEST_F(ServedFlags, UnknownCodesAndPathsAreNotFound) {
  const Server server(options_);
  Client client(server.port());
  for (const char* path :
       {"/", "/flags", "/flags/", "/flags/br", "/flags/br/", "/flags/br/br", "/flags/br/br.GIF",
        "/flags/br/cn.gif", "/flags/zz/zz.gif", "/flags/b1/b1.gif", "/flags/br/br.gif/",
        "/br/br.gif", "/br.gif", "//flags/br/br.gif", "/flags/br/metadata.json", "/FLAGS/br/br.gif",
        "/flags/%62r/%62r.gif", "/flags/\xc3\xa9/\xc3\xa9.gif", "*"}) {
    EXPECT_EQ(client.ask(get(path)).status(), 404) << path;
  }
}

TEST_F(ServedFlags, NoPathLeavesTheRoot) {
  write("secret.gif", "secret");
  write("se/se.gif", "secret");
  const Server server(options_);
  Client client(server.port());
  for (const char* path :
       {"/../secret.gif", "/flags/../secret.gif", "/flags/../../se/se.gif", "/flags/se/se.gif",
        "/flags/../...gif", "/flags/..%2f..%2fsecret.gif", "/flags/%2e%2e/%2e%2e.gif",
        "/flags//etc/passwd", "/flags/br/../../../../../../etc/passwd", "/etc/passwd"}) {
    const Answer answer = client.ask(get(path));
    EXPECT_EQ(answer.status(), 404) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("secret"))) << path;
  }
}

TEST_F(ServedConnections, OneConnectionTakesManyRequests) {
  const Server server(options_);
  Client client(server.port());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client.ask(get("/flags/br/br.gif")).body, kBrazil);
    EXPECT_EQ(client.ask(get("/flags/zz/zz.gif")).status(), 404);
  }
}

TEST_F(ServedConnections, RequestsSentAheadAreAnsweredInOrder) {
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif") + get("/flags/cn/cn.gif") + get("/flags/br/br.gif"));
  EXPECT_EQ(client.receive().body, kBrazil);
  EXPECT_EQ(client.receive().body, kChina);
  EXPECT_EQ(client.receive().body, kBrazil);
}

TEST_F(ServedConnections, ARequestMayComeInPieces) {
  const Server server(options_);
  Client client(server.port());
  for (const char c : get("/flags/br/br.gif")) client.send({&c, 1});
  EXPECT_EQ(client.receive().body, kBrazil);
}

TEST_F(ServedConnections, HeadIsAnsweredWithoutTheBody) {
  const Server server(options_);
  Client client(server.port());
  client.send("HEAD /flags/br/br.gif HTTP/1.1\r\nHost: here\r\n\r\n");
  const Answer answer = client.receive_head();
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.length(), kBrazil.size());
  EXPECT_EQ(client.ask(get("/flags/cn/cn.gif")).body, kChina);
}

TEST_F(ServedConnections, OtherMethodsAreRefusedAndTheirBodiesSkipped) {
  const Server server(options_);
  Client client(server.port());
  const Answer answer =
      client.ask("POST /flags/br/br.gif HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(answer.status(), 405);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD");
  EXPECT_EQ(client.ask("BREW /flags/br/br.gif HTTP/1.1\r\nHost: here\r\n\r\n").status(), 405);
  EXPECT_EQ(client.ask(get("/flags/br/br.gif")).body, kBrazil);
}

TEST_F(ServedConnections, ABodyOfAnySizeIsSkipped) {
  const Server server(options_);
  Client client(server.port());
  const std::string body(3'000'000, 'x');
  const std::jthread sender([&] {
    client.send("PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 3000000\r\n\r\n" + body +
                get("/flags/br/br.gif"));
  });
  EXPECT_EQ(client.receive().status(), 405);
  EXPECT_EQ(client.receive().body, kBrazil);
}

TEST_F(ServedConnections, AClientThatAsksForItGetsTheConnectionClosed) {
  const Server server(options_);
  Client client(server.port());
  const Answer answer = client.ask(get("/flags/br/br.gif", "Connection: close\r\n"));
  EXPECT_EQ(answer.body, kBrazil);
  EXPECT_EQ(answer.header("Connection"), "close");
  EXPECT_THAT(client.receive_to_end(), IsEmpty());
  EXPECT_EQ(client.end(), 0);
}

TEST_F(ServedConnections, Http10ClosesUnlessToldOtherwise) {
  const Server server(options_);
  Client kept(server.port());
  const std::string keep = "GET /flags/br/br.gif HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(keep).header("Connection"), "keep-alive");
  EXPECT_EQ(kept.ask("GET /flags/cn/cn.gif HTTP/1.0\r\n\r\n").body, kChina);
  EXPECT_THAT(kept.receive_to_end(), IsEmpty());
  EXPECT_EQ(kept.end(), 0);
}

TEST_F(ServedConnections, NonsenseIsAnsweredWith400AndTheConnectionClosed) {
  const Server server(options_);
  for (const std::string& nonsense :
       {std::string("how do you do?\r\n\r\n"), std::string("GET / HTTP/7\r\n\r\n"),
        "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"}) {
    Client client(server.port());
    client.send(nonsense);
    EXPECT_EQ(client.receive().status(), 400);
    EXPECT_THAT(client.receive_to_end(), IsEmpty());
  }
}

TEST_F(ServedConnections, ClientsThatLeaveDoNoHarm) {
  const Server server(options_);
  for (int i = 0; i < 100; ++i) {
    Client(server.port());
    Client(server.port()).send("GET /fla");
    Client(server.port()).send(get("/flags/br/br.gif"));
  }
  EXPECT_EQ(ask(server, get("/flags/br/br.gif")).body, kBrazil);
  EXPECT_TRUE(wait_until([&] { return open_descriptors() < descriptors_ + 10; }));
}

TEST_F(ServedRoots, FlagsMayLieInFoldersOfTheirOwn) {
  write("root/us/us.gif", "of the US");
  write("root/flags/vn/vn.gif", "of Vietnam");
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/us/us.gif")).body, "of the US");
  EXPECT_EQ(ask(server, get("/flags/vn/vn.gif")).body, "of Vietnam");
  EXPECT_EQ(ask(server, get("/flags/br/br.gif")).body, kBrazil);
}

TEST_F(ServedRoots, TheShortestWayToAFlagWins) {
  write("root/flags/us/us.gif", "third");
  write("root/us/us.gif", "second");
  write("root/br/br.gif", "second");
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/us/us.gif")).body, "second");
  EXPECT_EQ(ask(server, get("/flags/br/br.gif")).body, kBrazil);
}

TEST_F(ServedRoots, FileNamesMayBeInAnyCase) {
  write("root/US.gif", "of the US");
  write("root/Vn/vN.GIF", "of Vietnam");
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/us/us.gif")).body, "of the US");
  EXPECT_EQ(ask(server, get("/flags/vn/vn.gif")).body, "of Vietnam");
}

TEST_F(ServedRoots, OtherFilesAreLeftOut) {
  write("root/england.gif", "not a code");
  write("root/us.png", "not a GIF");
  write("root/vn/cn.gif", "not the same code");
  fs::create_directory(folder_ / "root/in.gif");
  const Server server(options_);
  for (const char* path : {"/flags/us/us.gif", "/flags/vn/vn.gif", "/flags/in/in.gif"}) {
    EXPECT_EQ(ask(server, get(path)).status(), 404) << path;
  }
}

TEST_F(ServedRoots, AMissingFolderIsNamed) {
  options_.root = folder_ / "nowhere";
  EXPECT_THAT(refusal(), AllOf(HasSubstr(options_.root.string()), HasSubstr("does not exist"),
                               Not(HasSubstr("apt-get"))));
}

TEST_F(ServedRoots, AFolderWithoutFlagsIsNamed) {
  options_.root = folder_ / "empty";
  write("empty/england.gif", "not a code");
  EXPECT_THAT(refusal(), AllOf(HasSubstr(options_.root.string()), HasSubstr("holds none")));
}

TEST_F(ServedRoots, TheDefaultRootServesDebiansFlagsOrNamesTheirPackage) {
  options_.root.clear();
  if (!fs::exists("/usr/share/flags/countries/16x11/br.gif")) {
    EXPECT_THAT(refusal(), HasSubstr("apt-get install famfamfam-flag-gif"));
    return;
  }
  const Server server(options_);
  EXPECT_THAT(ask(server, get("/flags/br/br.gif")).body, StartsWith("GIF89a"));
}

TEST_F(ServedPort, APortThatIsTakenIsNamed) {
  const Server server(options_);
  options_.port = server.port();
  EXPECT_THAT(refusal(), AllOf(HasSubstr(std::to_string(server.port())), HasSubstr("taken")));
}

TEST_F(ServedPort, APortCanBeTakenAgainAtOnce) {
  std::optional<Server> server(std::in_place, options_);
  options_.port = server->port();
  Client client(options_.port);
  EXPECT_EQ(client.ask(get("/flags/br/br.gif")).status(), 200);
  server.reset();
  server.emplace(options_);
  EXPECT_EQ(ask(*server, get("/flags/br/br.gif")).body, kBrazil);
}

std::set<int> descriptors() {
  std::set<int> found;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    found.insert(std::stoi(entry.path().filename().string()));
  }
  return found;
}

TEST_F(ServedPort, ChildProcessesInheritNeitherPortNorConnections) {
  const std::set<int> before = descriptors();
  const Server server(options_);
  Client client(server.port());
  client.ask(get("/flags/br/br.gif"));
  int checked = 0;
  for (const int fd : descriptors()) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (before.contains(fd) || fd == client.descriptor() || flags < 0) continue;
    EXPECT_TRUE(flags & FD_CLOEXEC) << fs::read_symlink("/proc/self/fd/" + std::to_string(fd));
    ++checked;
  }
  EXPECT_GE(checked, 2);
}

TEST_F(ServedDelays, EveryAnswerWaits) {
  options_.delay_min = options_.delay_max = 200ms;
  const Server server(options_);
  for (const char* path : {"/flags/br/br.gif", "/flags/zz/zz.gif"}) {
    const auto start = steady_clock::now();
    ask(server, get(path));
    EXPECT_GE(steady_clock::now() - start, 200ms) << path;
  }
}

TEST_F(ServedDelays, AThousandRequestsAreHeldAtOnce) {
  options_.delay_min = 500ms;
  options_.delay_max = 1500ms;
  const Server server(options_);
  std::vector<Client> clients;
  for (int i = 0; i < 1000; ++i) clients.emplace_back(server.port()).send(get("/flags/br/br.gif"));
  // One after another they would take a quarter of an hour.
  for (Client& client : clients) EXPECT_EQ(client.receive().body, kBrazil);
}

TEST_F(ServedDelays, TheDestructorEndsWhatIsHeld) {
  options_.delay_min = options_.delay_max = 1h;
  std::optional<Server> server(std::in_place, options_);
  std::vector<Client> clients;
  for (int i = 0; i < 1000; ++i) clients.emplace_back(server->port()).send(get("/flags/br/br.gif"));
  EXPECT_TRUE(wait_until([&] { return open_descriptors() >= descriptors_ + 2000; }));
  server.reset();
  for (Client& client : clients) {
    EXPECT_THAT(client.receive_to_end(), IsEmpty());
    EXPECT_NE(client.end(), EAGAIN);
  }
  EXPECT_EQ(open_descriptors(), descriptors_ + 1000);
}

TEST_F(ServedDelays, AServerMayEndBeforeItsFirstRequest) {
  for (int i = 0; i < 100; ++i) const Server server(options_);
}

// Holds the process at the descriptors it has.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit now{static_cast<rlim_t>(lowest), before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &now);
  }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
  ~NoMoreDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ServedConnections, OutOfDescriptorsClientsWaitUntilThereAreSomeAgain) {
  const Server server(options_);
  std::vector<Client> clients(50);
  Client early(server.port());
  EXPECT_EQ(early.ask(get("/flags/br/br.gif")).body, kBrazil);
  {
    const NoMoreDescriptors held;
    for (Client& client : clients) {
      client.connect(server.port());
      client.send(get("/flags/cn/cn.gif"));
    }
    EXPECT_EQ(early.ask(get("/flags/br/br.gif")).body, kBrazil);
  }
  for (Client& client : clients) EXPECT_EQ(client.receive().body, kChina);
}

TEST_F(ServedConnections, TheSoftLimitOfDescriptorsIsRaised) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit low{before.rlim_max / 2, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &low);
  const Server server(options_);
  rlimit after{};
  ::getrlimit(RLIMIT_NOFILE, &after);
  EXPECT_EQ(after.rlim_cur, after.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

std::vector<int> statuses(const Server& server, int requests) {
  Client client(server.port());
  std::vector<int> seen;
  for (int i = 0; i < requests; ++i) seen.push_back(client.ask(get("/flags/br/br.gif")).status());
  return seen;
}

TEST_F(ServedFaults, NothingFailsUnlessAsked) {
  const Server server(options_);
  EXPECT_THAT(statuses(server, 500), Each(200));
}

TEST_F(ServedFaults, ARateWithoutAFaultMakesATeapot) {
  options_.error_rate = 1;
  const Server server(options_);
  const Answer answer = ask(server, get("/flags/br/br.gif"));
  EXPECT_THAT(answer.head, StartsWith("HTTP/1.1 418 I'm a Teapot\r\n"));
  EXPECT_THAT(statuses(server, 500), Each(418));
}

TEST_F(ServedFaults, AFaultWithoutARateHitsEveryRequest) {
  options_.fault = parse_fault("status:503");
  const Server server(options_);
  EXPECT_THAT(statuses(server, 500), Each(503));
}

TEST_F(ServedFaults, ARateIsTheShareOfRequestsThatFail) {
  options_.error_rate = 0.25;
  const Server server(options_);
  const std::vector<int> seen = statuses(server, 2000);
  // 500 expected; 200 away is ten standard deviations.
  const auto failed = std::count(seen.begin(), seen.end(), 418);
  EXPECT_GT(failed, 300);
  EXPECT_LT(failed, 700);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 200), 2000 - failed);
}

TEST_F(ServedFaults, NotFoundFailsLikeAnyOther) {
  options_.fault = parse_fault("status:500");
  const Server server(options_);
  EXPECT_EQ(ask(server, get("/flags/zz/zz.gif")).status(), 500);
}

TEST_F(ServedFaults, StatusIsOneOfThoseGivenAtRandom) {
  options_.fault = parse_fault("status:418,503,599");
  const Server server(options_);
  const std::vector<int> seen = statuses(server, 500);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()), (std::set<int>{418, 503, 599}));
}

TEST_F(ServedFaults, StatusesWithoutABodyHaveNone) {
  options_.fault = parse_fault("status:204,304");
  const Server server(options_);
  Client client(server.port());
  for (int i = 0; i < 20; ++i) {
    const Answer answer = client.ask(get("/flags/br/br.gif"));
    EXPECT_THAT(answer.status(), testing::AnyOf(204, 304));
    EXPECT_THAT(answer.header("Content-Length"), IsEmpty());
  }
}

TEST_F(ServedFaults, AnInterimStatusIsAllThatComes) {
  options_.fault = parse_fault("status:100");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_EQ(client.receive_to_end(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.end(), 0);
}

TEST_F(ServedFaults, ResetBreaksTheConnectionWithoutAnAnswer) {
  options_.fault = parse_fault("reset");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_THAT(client.receive_to_end(), IsEmpty());
  EXPECT_EQ(client.end(), ECONNRESET);
}

TEST_F(ServedFaults, TruncatePromisesTheWholeAndSendsHalf) {
  options_.fault = parse_fault("truncate");
  const Server server(options_);
  Client client(server.port());
  client.send(get("/flags/br/br.gif"));
  EXPECT_EQ(client.receive_head().length(), kBrazil.size());
  EXPECT_EQ(client.receive_to_end(), kBrazil.substr(0, kBrazil.size() / 2));
  EXPECT_EQ(client.end(), 0);
}

TEST_F(ServedFaults, SlowTakesItsTimeAndSendsAll) {
  options_.fault = parse_fault("slow");
  const Server server(options_);
  Client client(server.port());
  const auto start = steady_clock::now();
  EXPECT_EQ(client.ask(get("/flags/br/br.gif")).body, kBrazil);
  EXPECT_GE(steady_clock::now() - start, 400ms);
  EXPECT_EQ(client.ask(get("/flags/cn/cn.gif")).body, kChina);
}

TEST_F(ServedFaults, AfterABrokenConnectionTheNextOneWorks) {
  options_.fault = parse_fault("reset");
  options_.error_rate = 0.5;
  const Server server(options_);
  const auto works = [&] {
    Client client(server.port());
    client.send(get("/flags/br/br.gif", "Connection: close\r\n"));
    return client.receive_to_end().ends_with(kBrazil);
  };
  EXPECT_TRUE(wait_until([&] { return !works(); }));
  EXPECT_TRUE(wait_until(works));
}

TEST_F(ServedFaults, OptionsThatContradictThemselvesAreRefused) {
  Options backwards = options_;
  backwards.delay_min = 1s;
  EXPECT_THROW(Server{backwards}, std::invalid_argument);
  Options eager = options_;
  eager.error_rate = 1.5;
  EXPECT_THROW(Server{eager}, std::invalid_argument);
  Options mute = options_;
  mute.fault.kind = Fault::Kind::status;
  EXPECT_THROW(Server{mute}, std::invalid_argument);
}

using Range = std::pair<std::chrono::milliseconds, std::chrono::milliseconds>;

Range delay(const std::string& text) {
  Options options;
  parse_delay(text, options);
  return {options.delay_min, options.delay_max};
}

template <typename Parse>
std::string complaint(Parse parse) {
  try {
    parse();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no complaint";
}

TEST(ServeDelayText, IsOneTimeOrTwo) {
  EXPECT_EQ(delay("1"), Range(1s, 1s));
  EXPECT_EQ(delay("0"), Range(0s, 0s));
  EXPECT_EQ(delay("0.5..5"), Range(500ms, 5s));
  EXPECT_EQ(delay(".5..1.5"), Range(500ms, 1500ms));
  EXPECT_EQ(delay("2..2"), Range(2s, 2s));
}

TEST(ServeDelayText, MayHaveUnits) {
  EXPECT_EQ(delay("500ms..2s"), Range(500ms, 2s));
  EXPECT_EQ(delay("1m"), Range(1min, 1min));
  EXPECT_EQ(delay("250ms..1"), Range(250ms, 1s));
}

TEST(ServeDelayText, IsNamedWhenItMakesNoSense) {
  for (const std::string text : {"",
                                 "..",
                                 "1..",
                                 "..1",
                                 "x",
                                 "1x",
                                 "1 s",
                                 " 1",
                                 "1s..",
                                 "1...",
                                 "-1",
                                 "-0.5..1",
                                 "5..0.5",
                                 "2s..500ms",
                                 "nan",
                                 "inf",
                                 "1e3",
                                 "1w",
                                 "0..99999999999999999999",
                                 "1..2..3",
                                 "+1",
                                 "1,5"}) {
    EXPECT_THAT(complaint([&] { delay(text); }), HasSubstr('"' + text + '"'));
  }
}

TEST(ServeDelayText, LeavesTheOptionsAloneWhenItMakesNoSense) {
  Options options;
  parse_delay("1..2", options);
  EXPECT_THROW(parse_delay("3..x", options), std::invalid_argument);
  EXPECT_EQ(options.delay_min, 1s);
  EXPECT_EQ(options.delay_max, 2s);
}

TEST(ServeFaultText, NamesAKind) {
  EXPECT_EQ(parse_fault("reset").kind, Fault::Kind::reset);
  EXPECT_EQ(parse_fault("truncate").kind, Fault::Kind::truncate);
  EXPECT_EQ(parse_fault("slow").kind, Fault::Kind::slow);
  EXPECT_EQ(parse_fault("status:418,503").kind, Fault::Kind::status);
  EXPECT_EQ(parse_fault("status:418,503").statuses, (std::vector{418, 503}));
  EXPECT_EQ(parse_fault("status:100,599").statuses, (std::vector{100, 599}));
}

TEST(ServeFaultText, IsNamedWhenItMakesNoSense) {
  for (const std::string text :
       {"", "none", "Reset", "reset ", "status", "status:", "status:99", "status:600", "status:-1",
        "status:418,", "status:,418", "status:418,,503", "status:abc", "status:418 ,503",
        "status:99999999999", "status:4.5"}) {
    EXPECT_THAT(complaint([&] { parse_fault(text); }), HasSubstr('"' + text + '"'));
  }
}

}  // namespace
}  // namespace flagship::serve
