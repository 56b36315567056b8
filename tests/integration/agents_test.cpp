// SPDX-License-Identifier: MIT
// Agents that join by themselves, over real TCP with CURVE on the loopback: what they run, how they
// go, and who is not let in.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>
#include <zmq.hpp>

#include "common/build_id.hpp"
#include "common/os/unique_fd.hpp"
#include "common/wire/control.hpp"
#include "master/hosts/keys.hpp"
#include "tests/support/endings.hpp"
#include "tests/support/program.hpp"

namespace flagship::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Program = flagship::testing::Program;
using std::chrono::milliseconds;

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe"); }

std::string host_of_this_machine() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

int set_up_as = 0;
void set_up(int value) { set_up_as = value; }
int how_set_up() { return set_up_as; }

class Agents : public ::testing::Test {
 protected:
  Agents() : keys_(hosts::write_new_keys(folder_ / "lab")) {}

  PoolOptions options(int places) const {
    Host host;
    host.name = "lab";
    host.launcher = HostLauncher::none;
    host.agents = places;
    host.keys = keys_.master;
    Hosts hosts{{host}, {}, lease};
    hosts.security.addresses = {"127.0.0.1"};
    // Any of its own will do: what is taken is passed over.
    hosts.security.first_port = static_cast<std::uint16_t>(20'000 + getpid() % 10'000);
    hosts.security.last_port = static_cast<std::uint16_t>(hosts.security.first_port + kPorts);
    PoolOptions options;
    options.hosts = hosts;
    options.output = [](const WorkerOutput&) {};
    return options;
  }

  static std::string door_of(const ProcessPoolExecutor& pool) {
    return pool.status().hosts.back().join_at;  // this machine comes first
  }

  /// An agent of this program, which knows its tasks.
  std::unique_ptr<Program> join(const ProcessPoolExecutor& pool, int workers = 1) const {
    return join_with(pool, keys_.agent, workers);
  }
  static std::unique_ptr<Program> join_with(const ProcessPoolExecutor& pool,
                                            const std::string& keys, int workers = 1) {
    flagship::testing::Command command;
    command.argv = {own_program(), "--flagship-join", door_of(pool), std::to_string(workers)};
    command.input = flagship::testing::read_file(keys);
    return std::make_unique<Program>(std::move(command));
  }

  static bool ready(const ProcessPoolExecutor& pool, std::size_t agents) {
    return wait_until([&] {
      const std::vector<HostStatus> hosts = pool.status().hosts;
      return static_cast<std::size_t>(std::count_if(
                 hosts.begin(), hosts.end(),
                 [](const HostStatus& host) { return host.state == HostState::ready; })) >= agents;
    });
  }

  static constexpr std::uint16_t kPorts = 200;
  duration lease = std::chrono::seconds(10);
  flagship::testing::TempFolder folder_;
  const hosts::KeyFiles keys_;
};

// ---- what they run ----------------------------------------------------------------------------

TEST_F(Agents, RunCallsAndSayWhereTheyRan) {
  ProcessPoolExecutor pool(options(1));
  const auto future = pool.submit<square>(7);
  const auto agent = join(pool, 2);
  EXPECT_EQ(future.result(kPatience), 49);
  const auto outcome = future.try_outcome();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->host, host_of_this_machine());
  EXPECT_THAT(outcome->worker, AnyOf(0, 1));
  EXPECT_NE(outcome->pid, agent->pid());
  const auto theirs = pool.submit<own_pid>();
  const pid_t pid = theirs.result(kPatience);
  EXPECT_EQ(pid, theirs.try_outcome()->pid);
  pool.shutdown();
  EXPECT_EQ(agent->wait().exit_code, 0);
}

TEST_F(Agents, WorkBesideWorkersOfThisMachine) {
  Host here;
  here.name = "here";
  here.workers = 1;
  PoolOptions both = options(1);
  both.hosts->hosts.insert(both.hosts->hosts.begin(), here);
  ProcessPoolExecutor pool(both);
  const auto agent = join(pool);
  ASSERT_TRUE(ready(pool, 2));
  const Gate gate;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 2; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  wait_for_running(futures);
  gate.open();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i);
  pool.shutdown();
  EXPECT_EQ(agent->wait().exit_code, 0);
}

TEST_F(Agents, ManyCallsAndLargeOnesAndMapsComeHome) {
  ProcessPoolExecutor pool(options(2));
  const auto first = join(pool, 2), second = join(pool, 1);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 5000; ++i) futures.push_back(pool.submit<square>(i % 1000));
  for (int i = 0; i < 5000; ++i)
    ASSERT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), (i % 1000) * (i % 1000));
  const std::string large(std::size_t{3} << 20, 'x');
  EXPECT_EQ(pool.submit<echo>(large).result(kPatience), large);
  int expected = 0;
  for (const int value : pool.map<square>(std::vector<int>{0, 1, 2, 3, 4})) {
    EXPECT_EQ(value, expected * expected);
    ++expected;
  }
  EXPECT_EQ(expected, 5);
}

TEST_F(Agents, PassOnWhatTasksThrow) {
  ProcessPoolExecutor pool(options(1));
  const auto agent = join(pool);
  EXPECT_TRUE(ended_with<std::out_of_range>(pool.submit<throw_kind>(std::string("out_of_range"))));
  EXPECT_TRUE(ended_with<RemoteError>(pool.submit<throw_kind>(std::string("own"))));
  EXPECT_TRUE(ended_with<UnknownTask>(pool.submit_named<int>("nobody knows it")));
}

TEST_F(Agents, KeepTimeLimits) {
  ProcessPoolExecutor pool(options(1));
  const auto agent = join(pool);
  EXPECT_TRUE(ended_with<TaskTimeout>(pool.with({.timeout = milliseconds(50)}).submit<for_ever>()));
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST_F(Agents, RunTheInitializerFirst) {
  PoolOptions options = this->options(1);
  options.initializer = initializer<set_up>(5);
  ProcessPoolExecutor pool(options);
  const auto agent = join(pool);
  EXPECT_EQ(pool.submit<how_set_up>().result(kPatience), 5);
}

TEST_F(Agents, TellWhatRunsAndStopWhatIsInterrupted) {
  ProcessPoolExecutor pool(options(1));
  const auto agent = join(pool);
  auto future = pool.submit<for_ever>();
  EXPECT_TRUE(wait_until([&] { return future.running(); }));
  EXPECT_FALSE(future.cancel()) << "it runs";
  EXPECT_TRUE(future.interrupt());
  EXPECT_TRUE(future.cancelled());
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST_F(Agents, ReportADeathOfTheirWorkersAndGoOn) {
  ProcessPoolExecutor pool(options(1));
  const auto agent = join(pool);
  const auto future = pool.submit<die>();
  EXPECT_THAT(worker_died_what(future), HasSubstr("SIGKILL"));
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
  EXPECT_EQ(pool.status().deaths, 1u);
}

TEST_F(Agents, TryAgainWhatTheirWorkersDiedIn) {
  PoolOptions options = this->options(1);
  options.on_worker_death = OnWorkerDeath::retry;
  ProcessPoolExecutor pool(options);
  const auto agent = join(pool);
  const auto future = pool.submit<die_at_first>((folder_ / "deaths").string(), std::size_t{2});
  EXPECT_EQ(future.result(kPatience), 2);
  EXPECT_EQ(future.try_outcome()->attempt, 3);
}

// ---- how they go ------------------------------------------------------------------------------

TEST_F(Agents, AKilledOneCostsWhatItHeldAndNoMore) {
  ProcessPoolExecutor pool(options(2));
  const auto first = join(pool);
  ASSERT_TRUE(ready(pool, 1));
  const auto lost = pool.submit<for_ever>();
  ASSERT_TRUE(wait_until([&] { return lost.running(); }));
  first->signal(SIGKILL);
  EXPECT_THAT(worker_died_what(lost), HasSubstr("lab/"));
  const auto second = join(pool);
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST_F(Agents, OfAKilledOneAnotherTakesTheCallsThatMayBeginAgain) {
  PoolOptions options = this->options(2);
  options.on_worker_death = OnWorkerDeath::retry;
  ProcessPoolExecutor pool(options);
  const auto first = join(pool), second = join(pool);
  ASSERT_TRUE(ready(pool, 2));
  const Gate gate;
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(pool.submit<wait_at>(gate.path(), i));
  ASSERT_TRUE(wait_until([&] {
    return std::count_if(futures.begin(), futures.end(),
                         [](const auto& future) { return future.running(); }) >= 2;
  }));
  first->signal(SIGKILL);
  gate.open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(futures[static_cast<std::size_t>(i)].result(kPatience), i);
}

TEST_F(Agents, OneThatWasStoppedForLongerThanItsLeaseIsGivenUpAndLeaves) {
  lease = std::chrono::seconds(1);
  PoolOptions options = this->options(2);
  options.on_worker_death = OnWorkerDeath::retry;
  ProcessPoolExecutor pool(options);
  const auto stopped = join(pool);
  ASSERT_TRUE(ready(pool, 1));
  const Gate gate;
  const auto future = pool.submit<wait_at>(gate.path(), 5);
  ASSERT_TRUE(wait_until([&] { return future.running(); }));
  stopped->signal(SIGSTOP);
  const auto other = join(pool);
  gate.open();
  EXPECT_EQ(future.result(kPatience), 5);
  stopped->signal(SIGCONT);
  EXPECT_EQ(stopped->wait().exit_code, 70);
}

TEST_F(Agents, LeaveWithAnEmptyHostWhenTheyAreTold) {
  ProcessPoolExecutor pool(options(2));
  const auto leaving = join(pool);
  ASSERT_TRUE(ready(pool, 1));
  const Gate gate;
  const auto running = pool.submit<wait_at>(gate.path(), 1);
  ASSERT_TRUE(wait_until([&] { return running.running(); }));
  leaving->signal(SIGTERM);
  const auto other = join(pool);
  gate.open();
  EXPECT_EQ(running.result(kPatience), 1) << "what runs may end";
  EXPECT_EQ(leaving->wait().exit_code, 0);
  EXPECT_EQ(pool.submit<square>(3).result(kPatience), 9);
}

TEST_F(Agents, EndWithTheirMasterAndLeaveNothing) {
  std::unique_ptr<Program> agent;
  {
    ProcessPoolExecutor pool(options(1));
    agent = join(pool, 2);
    ASSERT_TRUE(ready(pool, 1));
    pool.submit<for_ever>();
    pool.kill_workers();
  }
  EXPECT_THAT(agent->wait().exit_code, AnyOf(0, 70));
  EXPECT_TRUE(wait_until([&] { return agent->processes().empty(); }));
}

TEST_F(Agents, APoolThatNobodyJoinedEndsAllTheSame) {
  ProcessPoolExecutor pool(options(3));
  const auto future = pool.submit<square>(3);
  pool.shutdown({.cancel_futures = true});
  EXPECT_TRUE(future.cancelled());
}

// ---- tickets ----------------------------------------------------------------------------------

/// A cluster whose srun is a script of the test's own, which keeps the tickets that pass through
/// it.
class Tickets : public Agents {
 protected:
  Tickets() {
    std::filesystem::create_directory(folder_ / "bin");
    const std::string script = folder_ / "bin/srun";
    flagship::testing::write_file(script,
                                  "#!/bin/sh\n"
                                  "while [ \"${1#-}\" != \"$1\" ]; do shift; done\n"
                                  "tee \"" +
                                      ticket() + "\" | \"$@\"\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    setenv("PATH", ((folder_ / "bin").string() + ":" + path_).c_str(), 1);
  }
  ~Tickets() override { setenv("PATH", path_.c_str(), 1); }

  std::string ticket() const { return folder_ / "ticket"; }
  static PoolOptions cluster() {
    Host host;
    host.name = "cluster";
    host.launcher = HostLauncher::slurm;
    host.workers = 1;
    PoolOptions options;
    options.hosts = Hosts{{host}, {}, std::chrono::seconds(10)};
    options.hosts->security.addresses = {"127.0.0.1"};
    options.output = [](const WorkerOutput&) {};
    return options;
  }

 private:
  const std::string path_ = std::getenv("PATH");
};

TEST_F(Tickets, AreGoodForOneAgentOnly) {
  ProcessPoolExecutor pool(cluster());
  ASSERT_EQ(pool.submit<square>(7).result(kPatience), 49);
  flagship::testing::Command command;
  command.argv = {own_program(), "--flagship-agent"};
  command.input = flagship::testing::read_file(ticket());
  command.keep_input_open = true;
  Program thief(std::move(command));
  const auto ended = thief.wait();
  EXPECT_EQ(ended.exit_code, 70);
  EXPECT_THAT(ended.err, HasSubstr("its ticket is of another run, or was used already"));
  EXPECT_GE(pool.status().refused, 1u);
  EXPECT_EQ(pool.submit<square>(8).result(kPatience), 64) << "the agent that had it first stays";
}

TEST_F(Tickets, AreNoneWhenTheyAreNotWhole) {
  ProcessPoolExecutor pool(cluster());
  ASSERT_EQ(pool.submit<square>(7).result(kPatience), 49);
  const std::string whole = flagship::testing::read_file(ticket());
  for (const std::string& bad :
       {std::string("\n"), std::string("GET / HTTP/1.1\n"), whole.substr(0, 40) + "\n",
        whole.substr(0, whole.size() / 2 | 1) + "\n"}) {
    flagship::testing::Command command;
    command.argv = {own_program(), "--flagship-agent"};
    command.input = bad;
    const auto ended = flagship::testing::run(std::move(command));
    EXPECT_EQ(ended.exit_code, 70) << bad;
    EXPECT_THAT(ended.err, HasSubstr("flagship: agent on "));
  }
}

// ---- who is not let in ------------------------------------------------------------------------

/// Somebody with a ZeroMQ socket, who may have keys.
class Peer {
 public:
  Peer(int type, const std::string& endpoint, const std::optional<AgentKeys>& keys)
      : socket_(context_, type) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(milliseconds(kPatience).count()));
    if (keys) {
      socket_.set(zmq::sockopt::curve_serverkey, keys->master_public);
      socket_.set(zmq::sockopt::curve_publickey, keys->own.public_key);
      socket_.set(zmq::sockopt::curve_secretkey, keys->own.secret_key);
    }
    socket_.connect(endpoint);
  }
  void say(std::string_view bytes) { socket_.send(zmq::buffer(bytes), zmq::send_flags::dontwait); }
  std::string answer() {
    zmq::message_t message;
    if (!socket_.recv(message)) return "no answer";
    const auto told = wire::read_to_agent(message.to_string_view());
    const auto* const refusal = told ? std::get_if<wire::Refusal>(&*told) : nullptr;
    return refusal != nullptr ? refusal->reason : "no refusal";
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

UniqueFd connect_to(std::uint16_t port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fd.reset();
  return fd;
}

std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

/// A peer's wrongs have no effect: an agent joins and works.
class Strangers : public Agents {
 protected:
  void expect_unharmed() {
    const auto agent = join(pool_);
    EXPECT_EQ(pool_.submit<square>(7).result(kPatience), 49);
    pool_.shutdown();
    EXPECT_EQ(agent->wait().exit_code, 0);
  }
  AgentKeys right_keys() const { return hosts::read_agent_keys(keys_.agent); }
  wire::Greeting greeting() const {
    wire::Greeting greeting;
    greeting.build_id = detail::build_id();
    return greeting;
  }
  /// Of the sockets that this pool listens on: two, and one for its agent.
  std::vector<std::uint16_t> ports() const {
    const std::uint16_t first = port_of(door_of(pool_));
    std::vector<std::uint16_t> found;
    for (int port = first; port < first + kPorts && found.size() < 3; ++port)
      if (connect_to(static_cast<std::uint16_t>(port)))
        found.push_back(static_cast<std::uint16_t>(port));
    return found;
  }
  bool refused(std::size_t count) const {
    return wait_until([&] { return pool_.status().refused >= count; });
  }

  ProcessPoolExecutor pool_{options(1)};
};

TEST_F(Strangers, WithAnotherKeyAreDroppedAtTheHandshakeAndCounted) {
  const hosts::KeyFiles others = hosts::write_new_keys(folder_ / "others");
  AgentKeys keys = hosts::read_agent_keys(others.agent);
  keys.master_public = right_keys().master_public;
  flagship::testing::write_file(others.agent, text_of(keys));
  const auto agent = join_with(pool_, others.agent);
  const auto ended = agent->wait();
  EXPECT_EQ(ended.exit_code, 70);
  EXPECT_THAT(ended.err, HasSubstr("its master lets it not in"));
  EXPECT_TRUE(refused(1));
  expect_unharmed();
}

TEST_F(Strangers, WithoutAKeyAreNotHeardAtAnySocket) {
  ASSERT_EQ(ports().size(), 3u);
  for (const std::uint16_t port : ports())
    for (const int type : {ZMQ_DEALER, ZMQ_PUSH, ZMQ_PULL}) {
      Peer peer(type, "tcp://127.0.0.1:" + std::to_string(port), std::nullopt);
      if (type != ZMQ_PULL) peer.say(wire::write(wire::FromAgent(greeting())));
    }
  expect_unharmed();
}

TEST_F(Strangers, OfAnotherBuildAreRefusedInWords) {
  Peer peer(ZMQ_DEALER, door_of(pool_), right_keys());
  wire::Greeting greeting = this->greeting();
  greeting.build_id = "0123456789abcdef";
  peer.say(wire::write(wire::FromAgent(greeting)));
  EXPECT_THAT(peer.answer(), AllOf(HasSubstr("its program (build 0123456789ab) is another"),
                                   HasSubstr("install the same one there")));
  EXPECT_TRUE(refused(1));
  expect_unharmed();
}

TEST_F(Strangers, OfAnotherProtocolAreRefusedInWords) {
  Peer peer(ZMQ_DEALER, door_of(pool_), right_keys());
  wire::Greeting greeting = this->greeting();
  greeting.protocol = 99;
  greeting.version = "9.9";
  peer.say(wire::write(wire::FromAgent(greeting)));
  EXPECT_THAT(peer.answer(), HasSubstr("it speaks version 99 of the protocol (Flagship 9.9)"));
  EXPECT_TRUE(refused(1));
  expect_unharmed();
}

TEST_F(Strangers, WithATicketOfAnotherRunAreRefusedInWords) {
  Peer peer(ZMQ_DEALER, door_of(pool_), right_keys());
  wire::Greeting greeting = this->greeting();
  greeting.run = 12345;
  greeting.token = std::string(16, 't');
  peer.say(wire::write(wire::FromAgent(greeting)));
  EXPECT_THAT(peer.answer(), HasSubstr("its ticket is of another run"));
  EXPECT_TRUE(refused(1));
  expect_unharmed();
}

TEST_F(Strangers, BeyondThePlacesOfTheirHostAreRefusedInWords) {
  const auto agent = join(pool_);
  ASSERT_TRUE(ready(pool_, 1));
  const auto ended = join(pool_)->wait();
  EXPECT_EQ(ended.exit_code, 70);
  EXPECT_THAT(ended.err, HasSubstr("all places of host 'lab' are taken"));
  EXPECT_EQ(pool_.submit<square>(7).result(kPatience), 49);
}

TEST_F(Strangers, ThatSpeakNonsenseWithTheRightKeyAreCounted) {
  Peer peer(ZMQ_DEALER, door_of(pool_), right_keys());
  for (int i = 0; i < 100; ++i) peer.say(std::string(static_cast<std::size_t>(i), '\xff'));
  EXPECT_TRUE(refused(50));
  peer.say(wire::write(wire::FromAgent(wire::Beat{})));
  expect_unharmed();
}

TEST_F(Strangers, ThatSpeakNoZeroMqAtAllDoNothing) {
  std::vector<UniqueFd> open;
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(4096, '\0'), std::string(4096, '\xff'),
        std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03", 11)}) {
    for (const std::uint16_t port : ports()) {
      open.push_back(connect_to(port));
      ASSERT_TRUE(open.back());
      ASSERT_GT(send(open.back().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    }
  }
  expect_unharmed();
}

TEST_F(Strangers, InAFloodDoNotKeepAnAgentOut) {
  std::vector<UniqueFd> flood;
  for (const std::uint16_t port : ports())
    for (int i = 0; i < 200; ++i) flood.push_back(connect_to(port));
  expect_unharmed();
}

// The keys of the host are good for joining only: tasks and results go by the pair that an agent is
// given then.
TEST_F(Strangers, WithTheKeysOfTheHostGetNoTasksAndSendNoResults) {
  const auto agent = join(pool_);
  ASSERT_TRUE(ready(pool_, 1));
  ASSERT_EQ(ports().size(), 3u);
  for (const std::uint16_t port : ports()) {
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(port);
    Peer thief(ZMQ_PULL, endpoint, right_keys());
    Peer liar(ZMQ_PUSH, endpoint, right_keys());
    wire::UpWriter writer({0, 1});
    for (const wire::Frame& frame : writer.bye("I am not it")) liar.say(frame.bytes());
    for (int i = 0; i < 50; ++i) EXPECT_EQ(pool_.submit<square>(7).result(kPatience), 49);
  }
  EXPECT_TRUE(refused(1)) << "results of nobody, and tasks for somebody else";
}

}  // namespace
}  // namespace flagship::test
