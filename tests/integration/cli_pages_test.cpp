// SPDX-License-Identifier: MIT
// The manual and what shells complete, beside what the programs say of themselves.
#include <unistd.h>

#include <regex>

#include "tests/integration/cli_fixture.hpp"

namespace flagship::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

using Names = std::set<std::string>;
const std::filesystem::path kPages = FLAGSHIP_PAGES;

class Pages : public CliTest {
 protected:
  /// Of a command; of one that has some of its own, of these too.
  std::string help(const std::string& command) const {
    if (command.empty()) return flagship({"--help"}).out;
    std::string all = flagship({command, "--help"}).out;
    for (const std::string& inner : commands_in(all))
      all += flagship({command, inner, "--help"}).out;
    return all;
  }

  static Words commands_in(const std::string& help) {
    Words names;
    bool listed = false;
    for (const std::string& line : lines_of(help)) {
      if (listed && line.starts_with("  ") && line[2] != ' ')
        names.push_back(line.substr(2, line.find(' ', 2) - 2));
      listed = listed || line.ends_with("ommands:");
    }
    return names;
  }

  /// "" for flagship itself, and all commands that it has.
  Words commands() const {
    Words names = commands_in(help(""));
    names.insert(names.begin(), "");
    EXPECT_THAT(names, IsSupersetOf({"fetch", "serve", "status"}));
    return names;
  }

  Names options(const std::string& command) const {
    Names names;
    static const std::regex option("^  (-[^ ]+)");
    for (const std::string& line : lines_of(help(command))) {
      std::smatch found;
      if (!std::regex_search(line, found, option)) continue;
      std::istringstream list(found[1]);
      for (std::string name; std::getline(list, name, ',');) names.insert(name);
    }
    EXPECT_THAT(names, Contains("--help"));
    return names;
  }

  static std::filesystem::path page(const std::string& command) {
    return kPages / "man/man1" / ((command.empty() ? "flagship" : "flagship-" + command) + ".1");
  }

  /// What bash offers at the end of these words.
  static Words bash_offers(const std::string& words) {
    const Ended ended =
        run({.argv = {"/bin/bash", "--norc", "-c",
                      ". '" + (kPages / "share/bash-completion/completions/flagship").string() +
                          "'; COMP_WORDS=(flagship " + words +
                          "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _flagship; "
                          "printf '%s\\n' \"${COMPREPLY[@]}\""}});
    EXPECT_EQ(ended.err, "");
    return lines_of(ended.out);
  }
};

TEST_F(Pages, EachCommandHasOneWithTheOptionsOfItsHelp) {
  for (const std::string& command : commands()) {
    Names names;
    bool options_section = false;
    for (const std::string& line : lines_of(read_file(page(command)))) {
      if (line.starts_with(".SH ")) options_section = line == ".SH OPTIONS";
      if (!options_section || !line.starts_with("\\fB")) continue;
      static const std::regex name("\\\\fB([^ ]+)\\\\fR");
      for (std::sregex_iterator at(line.begin(), line.end(), name), end; at != end; ++at)
        names.insert(std::regex_replace((*at)[1].str(), std::regex("\\\\-"), "-"));
    }
    EXPECT_EQ(names, options(command)) << command;
  }
}

TEST_F(Pages, ThatOfFlagshipNamesEachCommand) {
  for (const std::string& command : commands()) {
    if (command.empty()) continue;
    EXPECT_THAT(read_file(page("")), HasSubstr(".BR flagship\\-" + command + " (1)\n"));
  }
}

TEST_F(Pages, AreSetWithoutAWarning) {
  if (access("/usr/bin/groff", X_OK) != 0) GTEST_SKIP() << "needs groff";
  for (const std::string& command : commands()) {
    const Ended ended =
        run({.argv = {"/usr/bin/groff", "-man", "-ww", "-Tutf8", page(command).string()}});
    EXPECT_EQ(ended.exit_code, 0);
    EXPECT_EQ(ended.err, "") << command;
    const std::string shown = std::regex_replace(ended.out, std::regex(".\b"), "");  // bold
    EXPECT_THAT(shown, AllOf(HasSubstr("NAME"), HasSubstr("SYNOPSIS"), HasSubstr("OPTIONS")));
  }
}

TEST_F(Pages, OptionsThatTheTextSpeaksOfExist) {
  for (const std::string& command : commands()) {
    const std::string text = read_file(page(command));
    const Names known = options(command);
    static const std::regex mention("\\\\-\\\\-([a-z](?:[a-z]|\\\\-)*)");
    for (std::sregex_iterator at(text.begin(), text.end(), mention), end; at != end; ++at) {
      const std::string name = "--" + std::regex_replace((*at)[1].str(), std::regex("\\\\-"), "-");
      EXPECT_THAT(known, Contains(name));
    }
  }
}

class Completion : public Pages {};

TEST_F(Completion, BashOffersCommandsAndTheOptionsOfEach) {
  for (const std::string& command : commands()) {
    const Words offered = bash_offers(command + " -");
    EXPECT_EQ(Names(offered.begin(), offered.end()), options(command)) << command;
    EXPECT_THAT(bash_offers("''"), Contains(command.empty() ? "fetch" : command));
  }
  EXPECT_THAT(bash_offers("fetch BR -v --all"),
              ElementsAre("--all", "--allow-downgrade", "--allow-private"));
}

TEST_F(Completion, BashOffersTheWordsOfAnOptionAndFiles) {
  EXPECT_THAT(bash_offers("fetch --order ''"), ElementsAre("completion", "input"));
  EXPECT_THAT(bash_offers("fetch -s D"), ElementsAre("DELAY"));
  EXPECT_THAT(bash_offers("fetch --from /etc/hostn"), ElementsAre("/etc/hostname"));
  EXPECT_THAT(bash_offers("fetch -o /us"), ElementsAre("/usr"));
  EXPECT_THAT(bash_offers("fetch --timeout ''"), ElementsAre(""));
}

TEST_F(Completion, BashOffersTheCommandsOfACommandAndTheirFiles) {
  EXPECT_THAT(bash_offers("hosts ''"), Contains("check"));
  EXPECT_THAT(bash_offers("keys n"), ElementsAre("new"));
  EXPECT_THAT(bash_offers("hosts check /etc/hostn"), ElementsAre("/etc/hostname"));
  EXPECT_THAT(bash_offers("hosts check my.toml --work"), ElementsAre("--worker"));
}

TEST_F(Pages, CommandsOfACommandAreOnItsPage) {
  EXPECT_THAT(read_file(page("hosts")), HasSubstr(".TP\n\\fIcheck FILE\\fR\n"));
  EXPECT_THAT(read_file(page("keys")), HasSubstr(".TP\n\\fInew [NAME]\\fR\n"));
}

TEST_F(Completion, FishKnowsTheOptionsOfEach) {
  const std::string text = read_file(kPages / "share/fish/vendor_completions.d/flagship.fish");
  for (const std::string& command : commands()) {
    const std::string condition = command.empty()
                                      ? "-n '__fish_use_subcommand'"
                                      : "-n '__fish_seen_subcommand_from " + command + "'";
    Names names;
    for (std::string line : lines_of(text)) {
      if (line.find(condition) == std::string::npos) continue;
      line.resize(line.find(" -d '"));
      static const std::regex name(" -(l|s) ([^ ]+)");
      for (std::sregex_iterator at(line.begin(), line.end(), name), end; at != end; ++at)
        names.insert(((*at)[1] == "l" ? "--" : "-") + (*at)[2].str());
    }
    EXPECT_EQ(names, options(command)) << command;
  }
}

TEST_F(Completion, ZshKnowsTheOptionsOfEach) {
  const std::string text = read_file(kPages / "share/zsh/site-functions/_flagship");
  for (const std::string& command : commands())
    for (const std::string& name : options(command))
      EXPECT_TRUE(std::regex_search(text, std::regex("['{,]" + name + "['},\\[]"))) << name;
}

TEST_F(Completion, ShellsCanReadTheirs) {
  const std::vector<std::pair<std::string, std::string>> shells{
      {"/bin/bash", "bash-completion/completions/flagship"},
      {"/usr/bin/zsh", "zsh/site-functions/_flagship"},
      {"/usr/bin/fish", "fish/vendor_completions.d/flagship.fish"}};
  for (const auto& [shell, script] : shells) {
    if (access(shell.c_str(), X_OK) != 0) continue;  // not on every machine
    const Ended ended = run({.argv = {shell, "-n", (kPages / "share" / script).string()}});
    EXPECT_EQ(ended.exit_code, 0) << shell;
    EXPECT_EQ(ended.err, "") << shell;
  }
}

}  // namespace
}  // namespace flagship::testing
