// SPDX-License-Identifier: MIT
// Run when flagship is built: `flagship-pages TEXTS FOLDER` writes the manual and the completions
// into FOLDER. A command without a text of its own has a page all the same.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "master/cli/commands.hpp"
#include "master/cli/pages/completion.hpp"
#include "master/cli/pages/manual.hpp"
#include "master/cli/pages/options.hpp"

namespace {

namespace fs = std::filesystem;
using namespace flagship::cli;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

void write_pages(const fs::path& texts, const fs::path& folder) {
  CLI::App app;
  int ignored = 0;
  add_commands(app, ignored);
  const auto commands = shown_commands(app);
  for (const ShownCommand& command : commands) {
    const std::string name = page_name(command) + ".1";
    write(folder / "man/man1" / name, manual_page(command, commands, read(texts / (name + ".in"))));
  }
  write(folder / "share/bash-completion/completions/flagship", bash_completion(commands));
  write(folder / "share/zsh/site-functions/_flagship", zsh_completion(commands));
  write(folder / "share/fish/vendor_completions.d/flagship.fish", fish_completion(commands));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    write_pages(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship-pages: %s\n", error.what());
    return 1;
  }
}
