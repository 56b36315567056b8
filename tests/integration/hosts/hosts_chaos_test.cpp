// SPDX-License-Identifier: MIT
// The worst days of several hosts: each call ends once, none is lost, and nothing lives on
// anywhere.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>

#include "tests/integration/cli_fixture.hpp"
#include "tests/integration/hosts/on_hosts.hpp"

namespace flagship::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kCalls = 400;
constexpr int kMilliseconds = 20;
/// What a host with two workers may hold of such calls, and have begun as far as anybody knows.
constexpr std::size_t kHeld = 16;
/// Runs out while a test waits for it, and must not run out while it does not.
const std::string kShort = "3s", kLong = "10m";

template <class B>
class HostsChaos : public OnHosts<B> {
 protected:
  void start(const std::string& lease, int calls = kCalls) {
    calls_ = calls;
    master_ = std::make_unique<Program>(this->spread(calls, kMilliseconds, lease));
  }
  Program& master() { return *master_; }

  std::size_t ended() const { return calls_of(master_->out()).size(); }
  /// Waits until so many more calls have ended.
  bool goes_on(std::size_t calls = 60) const {
    const std::size_t before = ended();
    return wait_until([&] { return ended() >= before + calls || !master_->running(); }) &&
           ended() >= before + calls;
  }
  bool all_have_ended() const {
    return wait_until([&] { return ended() == static_cast<std::size_t>(calls_); });
  }

  static std::string victim() { return B::hosts()[1]; }
  pid_t agent() const {
    const auto agents = this->bed().agents(victim());
    EXPECT_THAT(agents, SizeIs(1));
    return agents.empty() ? 0 : agents[0].pid;
  }
  pid_t worker() const {
    const auto workers = this->bed().workers(victim());
    EXPECT_THAT(workers, SizeIs(2));
    return workers.empty() ? 0 : workers[0].pid;
  }
  pid_t carrier() const {
    for (const auto& process : this->bed().processes({B::login()}))
      if (B::carries(process.command, victim())) return process.pid;
    ADD_FAILURE() << "nothing carries the agent of " << victim();
    return 0;
  }
  static void kill(pid_t pid, int signal = SIGKILL) {
    ASSERT_NE(pid, 0);
    ::kill(pid, signal);
  }

  /// Each call ended once: the others with what died there, at most so many, and none else.
  void expect_one_outcome_each(std::size_t died_at_most) {
    const Ended ended = master_->wait();
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
    const auto calls = calls_of(ended.out);
    EXPECT_EQ(calls.size(), static_cast<std::size_t>(calls_)) << ended.err;
    const std::size_t died = count_of(calls, "worker died");
    EXPECT_LE(died, died_at_most) << ended.err;
    EXPECT_EQ(count_of(calls, "returned") + died, calls.size());
  }

  /// Ours: what ssh and Slurm need to notice is theirs.
  bool nothing_of_ours_on(const std::string& host) const {
    return wait_until(
        [&] { return this->bed().agents(host).empty() && this->bed().workers(host).empty(); });
  }

 private:
  int calls_ = 0;
  std::unique_ptr<Program> master_;
};

TYPED_TEST_SUITE(HostsChaos, Beds);

TYPED_TEST(HostsChaos, AKilledAgentCostsWhatItMayHaveBegun) {
  this->start(kLong);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->kill(this->agent());
  this->expect_one_outcome_each(kHeld);
}

TYPED_TEST(HostsChaos, AHostWhoseAgentWasKilledGetsAnother) {
  this->start(kLong, 100 * kCalls);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  const pid_t agent = this->agent();
  this->kill(agent);
  EXPECT_TRUE(wait_until([&] {
    const auto agents = this->bed().agents(this->victim());
    return !agents.empty() && agents[0].pid != agent &&
           this->bed().workers(this->victim()).size() == 2;
  })) << this->master().err();
  EXPECT_TRUE(this->goes_on());
  this->kill(Bed::run_by(this->master()));
}

TYPED_TEST(HostsChaos, AKilledWorkerOfAnotherHostCostsOneCall) {
  this->start(kLong);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->kill(this->worker());
  this->expect_one_outcome_each(1);
}

TYPED_TEST(HostsChaos, TheAgentOfAKilledCarrierIsGoneLongBeforeTheLease) {
  this->start(kLong);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  const pid_t agent = this->agent();
  this->kill(this->carrier());
  EXPECT_TRUE(wait_until([&] { return !alive(agent); }));
  this->expect_one_outcome_each(kHeld * TypeParam::hosts().size());
}

TYPED_TEST(HostsChaos, ACutCableIsNoticedAtBothEndsByTheLease) {
  this->start(kShort);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->bed().cut(this->victim());
  EXPECT_TRUE(this->all_have_ended()) << this->master().err();
  EXPECT_TRUE(this->nothing_of_ours_on(this->victim()));
  this->bed().heal(this->victim());
  this->expect_one_outcome_each(kHeld);
}

TYPED_TEST(HostsChaos, ACableThatIsHealedWithinTheLeaseCostsNothing) {
  this->start(kLong);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->bed().cut(this->victim());
  EXPECT_TRUE(this->goes_on());
  this->bed().heal(this->victim());
  this->expect_one_outcome_each(0);
}

TYPED_TEST(HostsChaos, ALossOfOnePacketInTwentyCostsNothing) {
  for (const std::string& host : TypeParam::hosts()) this->bed().disturb(host, "loss 5%");
  this->start(kLong);
  this->expect_one_outcome_each(0);
}

TYPED_TEST(HostsChaos, AnAgentThatComesBackAfterItsLeaseChangesNoVerdict) {
  this->start(kShort);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  const pid_t agent = this->agent();
  this->kill(agent, SIGSTOP);
  EXPECT_TRUE(this->all_have_ended()) << this->master().err();
  this->kill(agent, SIGCONT);
  this->expect_one_outcome_each(kHeld);
}

TYPED_TEST(HostsChaos, AKilledMasterLeavesNothingAnywhereLongBeforeTheLease) {
  this->start(kLong, 100 * kCalls);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->kill(Bed::run_by(this->master()));
  EXPECT_THAT(left_on(this->bed()), IsEmpty());
}

TYPED_TEST(HostsChaos, AnAgentBehindACutCableOutlivesItsMasterByTheLeaseAtMost) {
  this->start(kShort, 100 * kCalls);
  ASSERT_TRUE(this->goes_on()) << this->master().err();
  this->bed().cut(this->victim());
  this->kill(Bed::run_by(this->master()));
  EXPECT_TRUE(this->nothing_of_ours_on(this->victim()));
  this->bed().heal(this->victim());
}

using SshChaos = HostsChaos<NetnsBed>;

TEST_F(SshChaos, AHostOutOfReachIsNamedAndTheOthersDoItsWork) {
  bed().cut(victim());
  start(kLong);
  expect_one_outcome_each(0);
  EXPECT_THAT(master().err(), HasSubstr(victim()));
  bed().heal(victim());
}

using SlurmChaos = HostsChaos<SlurmBed>;

TEST_F(SlurmChaos, AKilledSlurmdCostsNothing) {
  start(kLong);
  ASSERT_TRUE(goes_on()) << master().err();
  bed().kill_slurmd(victim());
  expect_one_outcome_each(0);
  bed().start_slurmd(victim());
}

}  // namespace
}  // namespace flagship::testing
