// SPDX-License-Identifier: MIT
// Agents by ssh. In the place of ssh is a program that gives the command to a login shell here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "master/hosts/process_launcher.hpp"
#include "master/hosts/ssh.hpp"
#include "tests/support/agents.hpp"
#include "tests/support/census.hpp"

namespace {

using namespace flagship;
using namespace flagship::hosts;
using namespace flagship::test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

const std::string kSsh =
    "printf '%s\\n' \"$@\" > \"$LOGS/words\"\n"
    "for command do :; done\n"
    "HOME=$REMOTE_HOME exec ${LOGIN_SHELL:-sh} -c \"$command\"";

// The host is another, so its processes do not die with ssh: they see the end of their input.
const std::string kSshOfItsOwn =
    "for command do :; done\n"
    "cat | HOME=$REMOTE_HOME setsid sh -c \"$command\"";

std::string random_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::string machine() {
  utsname system{};
  uname(&system);
  return system.machine;
}

class SshLauncherTest : public LauncherTest {
 protected:
  SshLauncherTest() {
    stand_in("ssh", kSsh);
    // Binary behind what the shell reads, and no multiple of anything.
    write_program(program_, std::string(kAgent) + random_bytes(3'000'001));
  }

  static Host build1() {
    Host host;
    host.name = "build1";
    host.launcher = HostLauncher::ssh;
    host.address = "me@build1";
    return host;
  }
  /// Which finds its program there.
  Host with_executable() const {
    Host host = build1();
    host.executable = program_;
    return host;
  }
  std::unique_ptr<Launcher> launcher(const Host& host = build1()) const {
    return Launchers(program_, "abc123").make(host);
  }

  const std::string program_ = path("worker");
  const std::string kept_ = path("home/.cache/flagship/abc123/worker");
};

mode_t mode_of(const std::string& path) {
  struct stat about {};
  stat(path.c_str(), &about);
  return about.st_mode & 07777;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  return names;
}

TEST_F(SshLauncherTest, an_agent_reads_its_ticket_and_nothing_else_until_it_is_to_go) {
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0, "the ticket\n")), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "the ticket\n"; }));
  EXPECT_EQ(logged("left"), "") << "its standard input has not ended";
  ssh->stop({0, 1}, false);
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_EQ(ended.agent, (AgentRef{0, 1}));
  EXPECT_EQ(ended.cause, "its agent left in order");
  EXPECT_FALSE(ended.hopeless);
  EXPECT_EQ(logged("left"), "left\n");
  EXPECT_EQ(logged("input"), "the ticket\n");
}

TEST_F(SshLauncherTest, a_host_without_the_program_gets_a_copy_byte_for_byte_for_its_user_alone) {
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  EXPECT_EQ(bytes_of(kept_), bytes_of(program_));
  EXPECT_EQ(mode_of(kept_), 0700u);
  EXPECT_EQ(mode_of(path("home/.cache/flagship/abc123")), 0700u);
  EXPECT_EQ(mode_of(path("home/.cache/flagship")), 0700u);
  EXPECT_THAT(names_in(path("home/.cache/flagship/abc123")), ElementsAre("worker"));
}

TEST_F(SshLauncherTest, a_copy_that_is_there_is_used_again) {
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  ssh->stop({0, 1}, false);
  end_of(*ssh);
  stand_in("head", "echo copied >> \"$LOGS/copied\"; exec /usr/bin/head \"$@\"");
  ASSERT_EQ(ssh->start(agent(1)), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\nticket\n"; }));
  EXPECT_EQ(logged("copied"), "");
}

TEST_F(SshLauncherTest, a_copy_that_is_not_whole_is_replaced) {
  fs::create_directories(fs::path(kept_).parent_path());
  write_program(kept_, bytes_of(program_).substr(0, 1000));
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  EXPECT_EQ(bytes_of(kept_), bytes_of(program_));
}

TEST_F(SshLauncherTest, copies_that_nobody_has_used_for_a_week_go_when_another_comes) {
  const std::string old = path("home/.cache/flagship/old/worker");
  const std::string recent = path("home/.cache/flagship/recent/worker");
  for (const std::string& copy : {old, recent}) {
    fs::create_directories(fs::path(copy).parent_path());
    write_program(copy, "a program");
  }
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(24 * 9));
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(recent));
  EXPECT_TRUE(fs::exists(kept_));
}

TEST_F(SshLauncherTest, a_copy_that_is_used_again_counts_as_new) {
  fs::create_directories(fs::path(kept_).parent_path());
  fs::copy(program_, kept_);
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(24 * 9);
  fs::last_write_time(kept_, long_ago);
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  EXPECT_GT(fs::last_write_time(kept_), long_ago + std::chrono::hours(24));
}

TEST_F(SshLauncherTest, two_agents_may_bring_the_copy_at_once) {
  stand_in("head",
           "echo $$ >> \"$LOGS/copying\"\n"
           "until test $(wc -l < \"$LOGS/copying\") -ge 2; do sleep 0.01; done\n"
           "exec /usr/bin/head \"$@\"");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_EQ(ssh->start(agent(1)), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\nticket\n"; }));
  EXPECT_EQ(lines_of(log("copying")).size(), 2u);
  EXPECT_EQ(bytes_of(kept_), bytes_of(program_));
  EXPECT_THAT(names_in(path("home/.cache/flagship/abc123")), ElementsAre("worker"));
}

TEST_F(SshLauncherTest, a_copy_that_was_cut_off_leaves_nothing_behind) {
  stand_in("head", "/usr/bin/head -c 100000; exit 0");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  EXPECT_THAT(end_of(*ssh).cause, StartsWith("me@build1 cannot keep a copy of the program"));
  EXPECT_THAT(names_in(path("home/.cache/flagship/abc123")), IsEmpty());
}

TEST_F(SshLauncherTest, a_host_without_room_for_the_copy_is_told_so) {
  stand_in("head",
           "echo \"head: error writing 'standard output': No space left on device\" >&2; exit 1");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause, AllOf(StartsWith("me@build1 has no room for a copy of the program"),
                                 HasSubstr("No space left on device")));
  EXPECT_TRUE(ended.hopeless);
  EXPECT_THAT(names_in(path("home/.cache/flagship/abc123")), IsEmpty());
}

TEST_F(SshLauncherTest, a_home_that_cannot_be_written_gets_no_program_sent) {
  std::ofstream(path("home/.cache")) << "a file";
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause, StartsWith("me@build1 cannot keep a copy of the program"));
  EXPECT_TRUE(ended.hopeless);
}

TEST_F(SshLauncherTest, a_program_for_another_processor_is_not_sent) {
  stand_in("uname", "test \"$1\" = -m && echo sparc9 || exec /usr/bin/uname \"$@\"");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_EQ(ended.cause, "me@build1 has another processor (sparc9, here " + machine() +
                             "): build the program there, and name it by 'executable'");
  EXPECT_TRUE(ended.hopeless);
  EXPECT_FALSE(fs::exists(kept_));
}

TEST_F(SshLauncherTest, a_program_without_a_build_id_is_kept_nowhere) {
  const auto ssh = Launchers(program_, "").make(build1());
  EXPECT_THAT(ssh->start(agent(0)), HasSubstr("it has no build id"));
}

TEST_F(SshLauncherTest, a_program_that_cannot_be_read_is_named) {
  fs::remove(program_);
  EXPECT_THAT(launcher()->start(agent(0)),
              AllOf(HasSubstr("cannot read " + program_), HasSubstr("No such file")));
}

TEST_F(SshLauncherTest, an_executable_of_the_hosts_own_is_run_and_none_is_copied) {
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\n"; }));
  EXPECT_THAT(names_in(path("home")), IsEmpty());
}

TEST_F(SshLauncherTest, an_executable_may_be_in_the_home_folder_there) {
  fs::create_directory(path("home/my bin"));
  fs::copy(program_, path("home/my bin/worker"));
  Host host = build1();
  host.executable = "~/my bin/worker";
  const auto ssh = launcher(host);
  ASSERT_EQ(ssh->start(agent(0)), "");
  EXPECT_TRUE(begins(*ssh));
}

TEST_F(SshLauncherTest, an_executable_that_is_not_there_is_named) {
  Host host = build1();
  host.executable = "/nowhere/worker";
  const auto ssh = launcher(host);
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause,
              AllOf(StartsWith("me@build1 has no such program"), HasSubstr("/nowhere/worker")));
  EXPECT_TRUE(ended.hopeless);
}

TEST_F(SshLauncherTest, an_executable_that_no_shell_can_be_told_is_refused) {
  Host host = build1();
  host.executable = "/it's/worker";
  EXPECT_THAT(launcher(host)->start(agent(0)), HasSubstr("/it's/worker"));
}

TEST_F(SshLauncherTest, a_program_that_lacks_a_library_there_says_which) {
  Host host = build1();
  host.executable = TEST_INCOMPLETE;
  const auto ssh = launcher(host);
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause,
              AllOf(StartsWith("the program lacks a library on me@build1: install the package"),
                    HasSubstr("libtest_part.so")));
  EXPECT_TRUE(ended.hopeless);
}

TEST_F(SshLauncherTest, a_program_of_another_kind_of_machine_is_known_by_what_the_shell_says) {
  write_program(program_, std::string("\x7f"
                                      "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x2b\0(",
                                      21) +
                              random_bytes(5000));
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause, StartsWith("the program is not for the processor of me@build1"));
  EXPECT_TRUE(ended.hopeless);
}

TEST_F(SshLauncherTest, what_an_agent_says_last_is_in_the_cause_of_its_end) {
  write_program(program_, "#!/bin/sh\nread ticket; echo first >&2; echo 'and last' >&2; exit 3\n");
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_EQ(ended.cause, "ssh to me@build1 exited with code 3: first\nand last");
  EXPECT_FALSE(ended.hopeless);
}

TEST_F(SshLauncherTest, what_shells_say_before_the_agent_begins_disturbs_nothing) {
  stand_in("chatty", "echo 'Welcome!'; echo flagship; echo 'you have mail' >&2; exec sh \"$@\"");
  const Variable shell("LOGIN_SHELL", "chatty");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  EXPECT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\n"; }));
}

TEST_F(SshLauncherTest, an_agent_that_repeats_the_scripts_words_gets_no_second_ticket) {
  write_program(program_,
                "#!/bin/sh\necho 'flagship: begins x'; read a; echo $$ > $LOGS/agents\n"
                "read b; echo \"$a$b\" > $LOGS/input\n");
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  ssh->read(ended_);
  ssh->stop({0, 1}, false);
  end_of(*ssh);
  EXPECT_EQ(logged("input"), "ticket\n");
}

class LoginShellTest : public SshLauncherTest, public testing::WithParamInterface<const char*> {};

TEST_P(LoginShellTest, any_login_shell_brings_the_program_and_begins_it) {
  const std::string shell = GetParam();
  if (std::system(("command -v " + shell + " > /dev/null").c_str()) != 0)
    GTEST_SKIP() << shell << " is not installed";
  const Variable login_shell("LOGIN_SHELL", shell);
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\n"; }));
  EXPECT_EQ(bytes_of(kept_), bytes_of(program_));
}

INSTANTIATE_TEST_SUITE_P(, LoginShellTest, testing::Values("dash", "bash", "tcsh", "fish"),
                         [](const auto& shell) { return std::string(shell.param); });

TEST_F(SshLauncherTest, a_ticket_of_a_megabyte_arrives_whole) {
  const std::string ticket = std::string(1'000'000, 't') + "\n";
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0, ticket)), "");
  EXPECT_TRUE(ask_until(*ssh, [&] { return logged("input").size() == ticket.size(); }));
  EXPECT_EQ(logged("input"), ticket);
}

TEST_F(SshLauncherTest, an_ssh_that_never_reads_holds_nothing_up) {
  stand_in("ssh", "echo 'flagship: begins x'; echo $$ > \"$LOGS/agents\"; exec sleep 1000");
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0, std::string(10'000'000, 't') + "\n")), "");
  ASSERT_TRUE(begins(*ssh));
  std::vector<Launcher::Ended> ended;
  for (int i = 0; i < 10; ++i) ssh->read(ended);
  EXPECT_THAT(ended, IsEmpty());
  ssh->stop({0, 1}, true);
  EXPECT_EQ(end_of(*ssh).cause, "") << "who stopped it knows why";
}

TEST_F(SshLauncherTest, an_agent_that_does_not_leave_can_be_ended_at_once) {
  write_program(program_, "#!/bin/sh\necho $$ > $LOGS/agents; while :; do sleep 1000; done\n");
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  ssh->stop({0, 1}, false);
  EXPECT_NE(ssh->carrier({0, 1}), 0);
  ssh->stop({0, 1}, true);
  EXPECT_EQ(end_of(*ssh).cause, "") << "who stopped it knows why";
  EXPECT_EQ(ssh->carrier({0, 1}), 0);
}

TEST_F(SshLauncherTest, an_agent_that_has_ended_is_explained_although_it_is_stopped_then) {
  write_program(program_, "#!/bin/sh\nread ticket; echo $$ > $LOGS/agents; exit 3\n");
  const auto ssh = launcher(with_executable());
  ASSERT_EQ(ssh->start(agent(0)), "");
  const int carrier = ssh->carrier({0, 1});
  ASSERT_TRUE(begins(*ssh));
  if (ended_.empty()) {
    ASSERT_TRUE(wait_until([&] { return is_gone(carrier); }));
    ssh->stop({0, 1}, true);
  }
  EXPECT_EQ(end_of(*ssh).cause, "ssh to me@build1 exited with code 3");
}

TEST_F(SshLauncherTest, a_start_that_gets_nowhere_ends_as_soon_as_it_is_stopped) {
  stand_in("ssh", "echo $$ > \"$LOGS/agents\"; exec sleep 1000");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  ssh->stop({0, 1}, false);
  EXPECT_EQ(end_of(*ssh).cause, "its agent had not begun when it was stopped");
}

TEST_F(SshLauncherTest, the_end_of_a_launcher_is_the_end_of_all_that_it_has_started) {
  stand_in("ssh", "sleep 1000 & echo $! >> \"$LOGS/agents\"; trap '' TERM HUP INT; sleep 1000");
  const std::set<pid_t> before = child_processes();
  pid_t proxy = 0;
  {
    const auto ssh = launcher();
    ASSERT_EQ(ssh->start(agent(0)), "");
    ASSERT_TRUE(begins(*ssh));
    proxy = std::stoi(logged("agents"));
    EXPECT_FALSE(is_gone(proxy));
  }
  EXPECT_EQ(child_processes(), before);
  EXPECT_TRUE(wait_until([&] { return is_gone(proxy); })) << "what ssh had started lives on";
}

TEST_F(SshLauncherTest, ssh_gets_the_address_as_it_is_and_carries_the_sockets_by_one_connection) {
  Host host = with_executable();
  host.ssh_options = {"-p", "2222", "-o", "ServerAliveInterval=60"};
  const auto ssh = launcher(host);
  AgentStart start = agent(0);
  start.sockets = {{"/run/here/a", "/tmp/there-a"}, {"/run/here/b", "/tmp/there-b"}};
  ASSERT_EQ(ssh->start(start), "");
  ASSERT_TRUE(begins(*ssh));
  const std::vector<std::string> words = lines_of(log("words"));
  EXPECT_THAT(words, ElementsAre("-T", "-x", "-o", "BatchMode=yes", "-o", "ControlMaster=no", "-o",
                                 "ControlPath=none", "-o",
                                 "RemoteCommand=none",  // whatever the host's words are
                                 "-p", "2222", "-o", "ServerAliveInterval=60",  // the host's
                                 "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=5",
                                 "-o", "ServerAliveCountMax=3", "-o",
                                 "ConnectTimeout=30",  // unless these were among them
                                 "-R", "/tmp/there-a:/run/here/a", "-R", "/tmp/there-b:/run/here/b",
                                 "--", "me@build1", StartsWith("exec '/bin/sh' '-c' '")));
  EXPECT_THAT(bytes_of(log("words")), Not(HasSubstr("ticket")));
}

TEST_F(SshLauncherTest, the_sockets_that_sshd_leaves_behind_are_removed_after_the_agent) {
  const std::string socket = path("socket there");
  std::ofstream(socket) << "as sshd made it";
  const auto ssh = launcher();
  AgentStart start = agent(0);
  start.sockets = {{"/run/here/a", socket}};
  ASSERT_EQ(ssh->start(start), "");
  ASSERT_TRUE(ask_until(*ssh, [&] { return logged("input") == "ticket\n"; }));
  EXPECT_TRUE(fs::exists(socket));
  kill(std::stoi(logged("agents")), SIGKILL);
  EXPECT_THAT(end_of(*ssh).cause, StartsWith("the agent on me@build1 was killed by SIGKILL"));
  EXPECT_FALSE(fs::exists(socket));
}

TEST_F(SshLauncherTest, sockets_are_removed_although_the_agent_has_never_begun) {
  const std::string socket = path("socket there");
  std::ofstream(socket) << "as sshd made it";
  stand_in("head", "echo $$ > \"$LOGS/agents\"; exec /usr/bin/head \"$@\"");
  stand_in("ssh", kSshOfItsOwn);
  fs::resize_file(program_, 1 << 30);  // more than is sent before the end
  const auto ssh = launcher();
  AgentStart start = agent(0);
  start.sockets = {{"/run/here/a", socket}};
  ASSERT_EQ(ssh->start(start), "");
  ASSERT_TRUE(begins(*ssh));
  ssh->stop({0, 1}, false);
  end_of(*ssh);
  EXPECT_TRUE(wait_until([&] { return !fs::exists(socket); }));
}

TEST_F(SshLauncherTest, the_carrier_of_an_agent_is_its_ssh) {
  const auto ssh = launcher(with_executable());
  EXPECT_EQ(ssh->carrier({0, 1}), 0);
  ASSERT_EQ(ssh->start(agent(0)), "");
  ASSERT_TRUE(begins(*ssh));
  EXPECT_EQ(std::to_string(ssh->carrier({0, 1})) + "\n", logged("agents"))
      << "all is one exec here";
}

TEST_F(SshLauncherTest, a_machine_without_ssh_is_told_what_to_install) {
  const Variable path("PATH", this->path("logs"));
  EXPECT_EQ(launcher()->start(agent(0)),
            "ssh is not installed on this machine (Debian: openssh-client)");
}

TEST_F(SshLauncherTest, starts_wait_for_their_turn_and_get_it_when_another_has_begun) {
  stand_in("ssh",
           "test -e \"$LOGS/go\" || { echo waits >> \"$LOGS/waits\"; read never; }\n" + kSsh);
  const auto turns = std::make_shared<StartTurns>(1);
  const auto way = [&] { return std::make_unique<Ssh>(with_executable(), AgentProgram("", "")); };
  ProcessLauncher first(way(), turns), second(way(), turns);
  ASSERT_EQ(first.start(agent(0)), "");
  ASSERT_EQ(second.start(agent(1)), "");
  EXPECT_NE(first.carrier({0, 1}), 0);
  EXPECT_EQ(second.carrier({1, 1}), 0) << "one at a time";
  std::ofstream(log("go"));
  first.stop({0, 1}, true);
  end_of(first);
  EXPECT_TRUE(ask_until(second, [&] { return logged("input") == "ticket\n"; }));
}

TEST_F(SshLauncherTest, a_start_that_nobody_answers_does_not_hold_up_the_others_for_long) {
  stand_in("ssh", "exec sleep 1000");
  const auto turns = std::make_shared<StartTurns>(1);
  ProcessLauncher ssh(std::make_unique<Ssh>(with_executable(), AgentProgram("", "")), turns);
  ASSERT_EQ(ssh.start(agent(0)), "");
  ASSERT_EQ(ssh.start(agent(1)), "");
  EXPECT_EQ(ssh.carrier({1, 1}), 0);
  EXPECT_TRUE(ask_until(ssh, [&] { return ssh.carrier({1, 1}) != 0; }));
  EXPECT_NE(ssh.carrier({0, 1}), 0);
}

TEST_F(SshLauncherTest, a_start_that_waits_for_its_turn_can_be_stopped) {
  stand_in("ssh", "exec sleep 1000");
  const auto turns = std::make_shared<StartTurns>(1);
  ProcessLauncher ssh(std::make_unique<Ssh>(with_executable(), AgentProgram("", "")), turns);
  ASSERT_EQ(ssh.start(agent(0)), "");
  ASSERT_EQ(ssh.start(agent(1)), "");
  ssh.stop({1, 1}, false);
  EXPECT_EQ(end_of(ssh).agent, (AgentRef{1, 1}));
}

TEST_F(SshLauncherTest, a_host_whose_agent_nobody_starts_has_no_launcher) {
  Host host = build1();
  for (const HostLauncher kind : {HostLauncher::local, HostLauncher::none}) {
    host.launcher = kind;
    EXPECT_EQ(launcher(host), nullptr);
  }
}

struct Trouble {
  const char* name;
  const char* said;
  const char* told;
  bool hopeless;
};

class SshTroubleTest : public SshLauncherTest, public testing::WithParamInterface<Trouble> {};

TEST_P(SshTroubleTest, is_told_with_what_to_do) {
  const std::string said = GetParam().said;
  std::ofstream(log("said")) << said << "\r\n";
  stand_in("ssh", "cat \"$LOGS/said\" >&2; exit 255");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_THAT(ended.cause, AllOf(StartsWith(GetParam().told), EndsWith("(" + said + ")")));
  EXPECT_EQ(ended.hopeless, GetParam().hopeless);
}

// As OpenSSH 9.2 says them.
INSTANTIATE_TEST_SUITE_P(
    , SshTroubleTest,
    testing::Values(
        Trouble{"password", "me@build1: Permission denied (publickey,password).",
                "ssh cannot log in to me@build1 without being asked for something", true},
        Trouble{"host_key", "Host key verification failed.",
                "the host key of me@build1 is not known yet: log in once by 'ssh me@build1'", true},
        Trouble{"name", "ssh: Could not resolve hostname build1: Name or service not known",
                "nobody knows the name of me@build1", true},
        Trouble{"name_server",
                "ssh: Could not resolve hostname build1: Temporary failure in name resolution",
                "the name of me@build1 cannot be resolved now", false},
        Trouble{"refused", "ssh: connect to host build1 port 22: Connection refused",
                "no sshd answers on me@build1", false},
        Trouble{"timed_out", "ssh: connect to host build1 port 22: Connection timed out",
                "me@build1 does not answer", false},
        Trouble{"no_route", "ssh: connect to host build1 port 22: No route to host",
                "no way leads to me@build1", false},
        Trouble{"forwarding", "Error: remote port forwarding failed for listen path /tmp/x",
                "the sshd on me@build1 carries no unix sockets", true},
        Trouble{"busy", "kex_exchange_identification: Connection closed by remote host",
                "the sshd on me@build1 takes no more connections now", false},
        Trouble{"lost", "Timeout, server build1 not responding.",
                "the connection to me@build1 was lost", false},
        Trouble{"option", "command-line: line 0: Bad configuration option: nosuch",
                "ssh does not know an option for me@build1", true}),
    [](const auto& trouble) { return std::string(trouble.param.name); });

TEST_F(SshLauncherTest, a_trouble_that_nobody_knows_is_told_as_ssh_says_it) {
  stand_in("ssh", "echo 'a\nb' >&2; exit 255");
  const auto ssh = launcher();
  ASSERT_EQ(ssh->start(agent(0)), "");
  const Launcher::Ended ended = end_of(*ssh);
  EXPECT_EQ(ended.cause, "ssh to me@build1 exited with code 255: a\nb");
  EXPECT_FALSE(ended.hopeless);
}

}  // namespace
