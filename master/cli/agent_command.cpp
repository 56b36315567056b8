// SPDX-License-Identifier: MIT
// `flagship agent` becomes the worker program, which holds the agent; the keys stay where they are,
// on standard input.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/validators.hpp"
#include "master/cli/worker_program.hpp"

namespace flagship::cli {
namespace {

constexpr long long kMostWorkers = 10'000;  // of an agent
constexpr std::string_view kTcp = "tcp://";

struct AgentOptions {
  std::string endpoint;
  int workers = 0;  // 0: usable CPUs
  std::string worker_program;
};

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && rest == text.data() + text.size() && port > 0;
}

bool is_endpoint(std::string_view text) {
  if (!text.starts_with(kTcp)) return false;
  text.remove_prefix(kTcp.size());
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
  const std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  return in_brackets ? host.size() > 2
                     : !host.empty() && host.find_first_of(":/[]* ") == std::string_view::npos;
}

void refuse_what_cannot_join(const AgentOptions& options) {
  if (!is_endpoint(options.endpoint))
    throw std::invalid_argument("--join: '" + options.endpoint +
                                "' is not like tcp://HOST:PORT, where the master listens");
  if (isatty(STDIN_FILENO) != 0)
    throw std::invalid_argument(
        "the keys come on standard input: < NAME.agent.keys, which 'flagship keys new' makes");
}

/// Returns only when it cannot.
void become(const std::string& program, const AgentOptions& options) {
  const std::string workers = std::to_string(options.workers);
  const char* const words[] = {program.c_str(), "--flagship-join", options.endpoint.c_str(),
                               workers.c_str(), nullptr};
  execv(program.c_str(), const_cast<char* const*>(words));
}

int join(const AgentOptions& options) {
  try {
    refuse_what_cannot_join(options);
    const std::string program = worker_program(options.worker_program);
    become(program, options);
    throw std::runtime_error("the worker program '" + program +
                             "' cannot be run: " + std::strerror(errno));
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "flagship agent: %s\nRun with --help for more information.\n",
                 error.what());
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship agent: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_agent(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<AgentOptions>();
  CLI::App& command =
      *app.add_subcommand("agent", "Let this machine work for a master on another one");
  command
      .add_option("--join", options->endpoint,
                  "Where the master listens, like tcp://HOST:PORT; keys come on standard input")
      ->type_name("ENDPOINT")
      ->required();
  add_count(command, "-w,--workers", options->workers, 1, "Worker processes (default: usable CPUs)",
            kMostWorkers);
  command
      .add_option("--worker", options->worker_program,
                  "The worker program (default: flagship-worker beside this one)")
      ->type_name("FILE");
  command.callback([options, &exit_code] { exit_code = join(*options); });
}

}  // namespace flagship::cli
