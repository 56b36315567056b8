// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>

#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/server_options.hpp"
#include "master/cli/signals.hpp"
#include "master/cli/validators.hpp"
#include "master/serve/server.hpp"

namespace flagship::cli {
namespace {

struct ServeOptions {
  ServerOptions server;
  int port = 0;
};

int serve(const ServeOptions& chosen) {
  std::mutex mutex;
  std::condition_variable told;
  bool stop = false;
  const Signals signals([&](int, int) {
    const std::lock_guard lock(mutex);
    stop = true;
    told.notify_one();
  });
  try {
    serve::Options options = chosen.server.practice_options();
    options.port = static_cast<std::uint16_t>(chosen.port);
    const serve::Server server(options);
    std::printf("%s\n", server.base_url().c_str());
    std::fflush(stdout);
    std::unique_lock lock(mutex);
    told.wait(lock, [&] { return stop; });
    return kAllWell;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "flagship serve: %s\nRun with --help for more information.\n",
                 error.what());
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship serve: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<ServeOptions>();
  CLI::App& command =
      *app.add_subcommand("serve", "Serve flags to practise on, delayed and failing as asked");
  add_count(command, "--port", options->port, 0, "Port on 127.0.0.1; 0: any free one (default: 0)",
            65535);
  add_server_options(command, options->server);
  command
      .add_option("--root", options->server.root,
                  "Folder of the flags (default: Debian's famfamfam-flag-gif)")
      ->type_name("DIR");
  command.callback([options, &exit_code] { exit_code = serve(*options); });
}

}  // namespace flagship::cli
