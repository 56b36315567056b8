// SPDX-License-Identifier: MIT
#include "tests/integration/cli_fixture.hpp"

#include <openssl/evp.h>
#include <signal.h>

#include <array>
#include <regex>
#include <sstream>

namespace flagship::testing {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<Json> json_lines(const std::string& out) {
  std::vector<Json> parsed;
  for (const std::string& line : lines_of(out)) {
    parsed.push_back(Json::parse(line, nullptr, false));
    EXPECT_FALSE(parsed.back().is_discarded()) << line;
  }
  return parsed;
}

std::map<std::string, Json> by_key(const std::string& out) {
  std::map<std::string, Json> items;
  for (const Json& line : json_lines(out)) {
    EXPECT_TRUE(items.emplace(line.at("key"), line).second) << "twice: " << line;
  }
  return items;
}

std::string sha256_of(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string without_time(const std::string& report) {
  static const std::regex time("Elapsed time: [0-9]+\\.[0-9]{2}s\n");
  EXPECT_TRUE(std::regex_search(report, time)) << report;
  return std::regex_replace(report, time, "");
}

bool alive(pid_t pid) {
  std::string stat;
  try {
    stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  } catch (const std::runtime_error&) {
    return false;
  }
  const std::size_t state = stat.rfind(')') + 2;
  return state < stat.size() && stat[state] != 'Z' && stat[state] != 'X';
}

CliTest::CliTest() {
  std::filesystem::create_directory(here());
  std::filesystem::create_directory(folder_ / "run");
}

void CliTest::TearDown() {
  EXPECT_THAT(runtime_folders(), ::testing::IsEmpty());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(here())) {
    EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
}

std::vector<std::string> CliTest::files(const std::string& folder) const {
  auto names = names_in(here() / folder);
  std::erase_if(names, [](const std::string& name) { return name.starts_with(".flagship.db"); });
  return names;
}

std::vector<std::string> CliTest::left() const {
  auto names = names_in(here());
  std::erase_if(names, [this](const std::string& name) {
    return std::filesystem::exists(here() / name / ".flagship.db") && files(name).empty();
  });
  return names;
}

Command CliTest::command(Words arguments) const {
  arguments.insert(arguments.begin(), FLAGSHIP_PROGRAM);
  return {.argv = std::move(arguments),
          .env = {{"FLAGSHIP_WORKER", FLAGSHIP_WORKER_PROGRAM},
                  {"XDG_RUNTIME_DIR", folder_ / "run"},
                  {"TMPDIR", folder_ / "run"}},
          .folder = here()};
}

Server::Server(Command command) : program_(std::move(command)) {
  if (!program_.says("\n")) throw std::runtime_error("no server: " + program_.err());
  const std::string out = program_.out();
  url_ = out.substr(0, out.find('\n'));
}

}  // namespace flagship::testing
