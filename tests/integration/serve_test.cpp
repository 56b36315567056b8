// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/serve_fixture.hpp"

namespace flagship::serve {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

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

}  // namespace
}  // namespace flagship::serve
