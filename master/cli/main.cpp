// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "common/version.hpp"
#include "flagship/init.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"

int main(int argc, char** argv) {
  flagship::init(argc, argv);
  using namespace flagship::cli;
  int exit_code = kAllWell;
  CLI::App app("Downloads many files through isolated worker processes.", "flagship");
  app.set_version_flag("--version", std::string("flagship ") + flagship::kVersion);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  add_fetch(app, exit_code);
  add_serve(app, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAllWell : kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship: %s\n", error.what());
    return kBroken;
  }
  return exit_code;
}
