// SPDX-License-Identifier: MIT
// What a download worker in a stranger's hands can do: nothing but write into the output folder.
#include "tests/integration/cli_fixture.hpp"

namespace flagship::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class HostileWorker : public CliTest {
 protected:
  /// What this system does not have; empty: all layers hold.
  std::string missing() const {
    const std::string said = flagship({"fetch", "BR", "--sink", "none", "-v"}).err;
    EXPECT_THAT(said, HasSubstr("Workers are isolated by process_group, no_core, no_new_privs"));
    const std::size_t at = said.find("; not by ");
    return at == std::string::npos ? "" : said.substr(at, said.find('\n', at) - at);
  }
  std::string attack(Words sink) const {
    Words words{"fetch", "BR", "--json", "--retries", "0", "--worker", TEST_HOSTILE_WORKER};
    words.insert(words.end(), sink.begin(), sink.end());
    const Ended ended = flagship(std::move(words));
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    return by_key(ended.out).at("BR").at("reason");
  }
};

TEST_F(HostileWorker, writes_into_the_output_folder_only_and_reaches_no_process) {
  if (const std::string layers = missing(); !layers.empty()) GTEST_SKIP() << layers;
  EXPECT_EQ(attack({"-o", "out"}),
            "inside done; beside refused; /tmp refused; signal refused; trace refused; "
            "memory refused; escape refused; serve refused; ");
  EXPECT_THAT(files("out"), ElementsAre("BR.gif.inside"));
  EXPECT_FALSE(fs::exists(here() / "beside"));
}

TEST_F(HostileWorker, writes_nowhere_when_nothing_is_kept) {
  if (const std::string layers = missing(); !layers.empty()) GTEST_SKIP() << layers;
  EXPECT_THAT(attack({"--sink", "none"}), HasSubstr("inside refused; beside refused"));
  EXPECT_THAT(names_in(here()), IsEmpty());
}

TEST_F(HostileWorker, is_told_of_with_verbose_and_in_processes_only) {
  EXPECT_THAT(flagship({"fetch", "BR", "-v"}).err, HasSubstr("Workers are isolated by"));
  EXPECT_THAT(flagship({"fetch", "BR"}).err, Not(HasSubstr("isolated")));
  for (const std::string executor : {"inline", "threads"})
    EXPECT_THAT(flagship({"fetch", "BR", "-v", "-x", executor}).err, Not(HasSubstr("isolated")));
}

}  // namespace
}  // namespace flagship::testing
