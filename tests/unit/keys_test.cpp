// SPDX-License-Identifier: MIT
// The keys of agents that somebody else starts, and the files with them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/key_file.hpp"
#include "common/os/unique_fd.hpp"
#include "master/hosts/keys.hpp"
#include "tests/support/program.hpp"

namespace flagship {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TempFolder;

const std::string kOther = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
const std::string kSecret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs";
const std::string kPublic = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

std::string refusal(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string master_text() { return text_of(hosts::MasterKeys{{kPublic, kSecret}, kOther}); }

TEST(Keys, AKeyIs32BytesInZ85) {
  EXPECT_TRUE(is_key(kPublic));
  EXPECT_TRUE(is_key(std::string(40, '0')));
  EXPECT_FALSE(is_key(std::string(40, '#'))) << "five of them are more than 32 bits";
  EXPECT_FALSE(is_key(std::string(40, '~')));
  EXPECT_FALSE(is_key(kPublic.substr(1)));
  EXPECT_FALSE(is_key(kPublic + "0"));
  EXPECT_FALSE(is_key(""));
}

TEST(Keys, FreshOnesAreKeysAndNeverTheSame) {
  const KeyPair one = hosts::new_key_pair();
  const KeyPair two = hosts::new_key_pair();
  EXPECT_TRUE(is_key(one.public_key));
  EXPECT_TRUE(is_key(one.secret_key));
  EXPECT_NE(one.secret_key, two.secret_key);
}

TEST(Keys, ComeBackFromTheirText) {
  const AgentKeys agent = parse_agent_keys(text_of(AgentKeys{{kPublic, kSecret}, kOther}), "k");
  EXPECT_EQ(agent.own.public_key, kPublic);
  EXPECT_EQ(agent.own.secret_key, kSecret);
  EXPECT_EQ(agent.master_public, kOther);
  const hosts::MasterKeys master = hosts::parse_master_keys(master_text(), "k");
  EXPECT_EQ(master.own.public_key, kPublic);
  EXPECT_EQ(master.own.secret_key, kSecret);
  EXPECT_EQ(master.agents_public, kOther);
}

TEST(Keys, BlankLinesAndWordsForPeopleDoNotMatter) {
  const AgentKeys agent =
      parse_agent_keys("\n# mine\r\nflagship-agent-keys 1\r\n\n master-public\t" + kOther +
                           " \r\nagent-secret " + kSecret + "\n# more\nagent-public " + kPublic,
                       "k");
  EXPECT_EQ(agent.own.public_key, kPublic);
  EXPECT_EQ(agent.own.secret_key, kSecret);
  EXPECT_EQ(agent.master_public, kOther);
}

TEST(Keys, WhatIsWrongIsSaidWithoutWhatIsInTheFile) {
  const std::string heading = "flagship-agent-keys 1\n";
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "k:1: it does not begin as the agents' file of 'flagship keys new' does"},
      {"-----BEGIN SECRET-----", "k:1: it does not begin as"},
      {master_text(), "k:3: it does not begin as the agents' file"},
      {heading, "k:1: it has no agent-public; 'flagship keys new' makes new ones"},
      {heading + "agent-public " + kPublic, "k:2: it has no agent-secret"},
      {heading + "agent-secret SECRET", "k:2: agent-secret is no key"},
      {heading + "agent-secret", "k:2: agent-secret is no key"},
      {heading + "SECRET " + kSecret, "k:2: this line is none of the agents' file"},
      {heading + "agent-public " + kPublic + "\nagent-public " + kPublic,
       "k:3: agent-public is there twice"},
  };
  for (const auto& [text, sentence] : table) {
    const std::string said = refusal([&what = text] { parse_agent_keys(what, "k"); });
    EXPECT_THAT(said, StartsWith(sentence)) << text;
    EXPECT_THAT(said, AllOf(Not(HasSubstr("SECRET")), Not(HasSubstr(kSecret))));
  }
}

TEST(Keys, APairThatIsNoneIsRefused) {
  const std::string text = text_of(hosts::MasterKeys{{kOther, kSecret}, kOther});
  EXPECT_THAT(refusal([&text] { hosts::parse_master_keys(text, "k"); }),
              StartsWith("k: its public and secret key do not belong together"));
}

class KeyFolder : public ::testing::Test {
 protected:
  std::string name() const { return folder_ / "my"; }
  static mode_t mode_of(const std::string& path) {
    struct stat file {};
    return stat(path.c_str(), &file) == 0 ? file.st_mode & 07777 : 0;
  }
  std::vector<std::string> left() const { return testing::names_in(folder_.path()); }

  TempFolder folder_;
};

TEST_F(KeyFolder, NewFilesFitEachOtherAndAreTheirOwnersAlone) {
  const mode_t before = umask(0);
  const hosts::KeyFiles made = hosts::write_new_keys(name());
  umask(before);
  EXPECT_EQ(made.master, name() + ".master.keys");
  EXPECT_EQ(made.agent, name() + ".agent.keys");
  EXPECT_EQ(mode_of(made.master), 0600u);
  EXPECT_EQ(mode_of(made.agent), 0600u);
  const hosts::MasterKeys master = hosts::read_master_keys(made.master);
  const AgentKeys agent = hosts::read_agent_keys(made.agent);
  EXPECT_EQ(master.own.public_key, agent.master_public);
  EXPECT_EQ(master.agents_public, agent.own.public_key);
}

TEST_F(KeyFolder, NothingIsReplacedAndNoHalfIsLeft) {
  for (const std::string there : {"my.master.keys", "my.agent.keys"}) {
    testing::write_file(folder_ / there, "mine");
    EXPECT_THAT(refusal([this] { hosts::write_new_keys(name()); }),
                AllOf(HasSubstr(there), HasSubstr("is there already and stays as it is")));
    EXPECT_THAT(left(), ElementsAre(there));
    EXPECT_EQ(testing::read_file(folder_ / there), "mine");
    std::filesystem::remove(folder_ / there);
  }
}

TEST_F(KeyFolder, ALinkIsNotFollowed) {
  std::filesystem::create_symlink(folder_ / "elsewhere", folder_ / "my.master.keys");
  EXPECT_THAT(refusal([this] { hosts::write_new_keys(name()); }), HasSubstr("already"));
  EXPECT_THAT(left(), ElementsAre("my.master.keys"));
}

TEST_F(KeyFolder, AFolderThatIsNotThereIsASentence) {
  EXPECT_THAT(refusal([this] { hosts::write_new_keys(folder_ / "none/my"); }),
              AllOf(HasSubstr("none/my.master.keys' cannot be written: "), HasSubstr("No such")));
  EXPECT_THAT(left(), IsEmpty());
}

TEST_F(KeyFolder, AFileThatOthersCanReadIsRefused) {
  const hosts::KeyFiles made = hosts::write_new_keys(name());
  for (const mode_t mode : {0640u, 0604u, 0620u}) {
    ASSERT_EQ(chmod(made.master.c_str(), mode), 0);
    EXPECT_THAT(refusal([&made] { hosts::read_master_keys(made.master); }),
                AllOf(StartsWith(made.master + ": others than its owner can read or change it"),
                      HasSubstr("chmod 600")));
  }
  ASSERT_EQ(chmod(made.master.c_str(), 0400), 0);
  EXPECT_EQ(refusal([&made] { hosts::read_master_keys(made.master); }), "");
}

TEST_F(KeyFolder, AFileThatCannotBeReadIsASentence) {
  EXPECT_THAT(refusal([this] { hosts::read_master_keys(folder_ / "none"); }),
              AllOf(StartsWith("the keys '"), HasSubstr("cannot be read: No such file")));
  EXPECT_THAT(refusal([this] { hosts::read_agent_keys(folder_.path()); }),
              HasSubstr("the keys cannot be read: Is a directory"));
}

TEST(KeysOnStandardInput, ComeThroughAPipeToo) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const std::string text = text_of(AgentKeys{{kPublic, kSecret}, kOther});
  ASSERT_EQ(write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  in.reset();
  EXPECT_EQ(read_agent_keys(out.get()).own.secret_key, kSecret);
  EXPECT_THAT(refusal([&out] { read_agent_keys(out.get()); }), StartsWith("standard input:1: "));
}

}  // namespace
}  // namespace flagship
