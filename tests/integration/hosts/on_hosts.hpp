// SPDX-License-Identifier: MIT
// Programs that work over all hosts of a bed.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "tests/integration/hosts/bed.hpp"
#include "tests/support/many_origins.hpp"

namespace flagship::testing {

/// For typed tests: agents by ssh, and by Slurm.
using Beds = ::testing::Types<NetnsBed, SlurmBed>;

/// What test_spread says of one of its calls.
struct SpreadCall {
  std::string ending;
  std::string host;      // as its pool calls it
  std::string own_name;  // that the host goes by itself; "-": it did not return
};

/// The calls by number. A call that is there twice fails the test.
std::map<int, SpreadCall> calls_of(const std::string& out);
std::size_t count_of(const std::map<int, SpreadCall>& calls, const std::string& ending);
/// By what they call themselves.
std::map<std::string, std::size_t> calls_by_host(const std::map<int, SpreadCall>& calls);

template <class B>
class OnHosts : public BedTest<B> {
 protected:
  using BedTest<B>::bed;

  /// A hosts file for all of them, there and here.
  std::string hosts_file(const std::string& lease) const {
    write_file(folder_ / "hosts.toml", "lease = \"" + lease + "\"\n" + B::in_toml());
    return folder_ / "hosts.toml";
  }

  Command on_login(Words words) const {
    Command command = bed().command(B::login(), std::move(words));
    command.env["FLAGSHIP_WORKER"] = FLAGSHIP_WORKER_PROGRAM;
    command.folder = folder_.path();
    return command;
  }

  /// A program with so many calls, each of which takes so long.
  Command spread(int calls, int milliseconds, const std::string& lease, Words more = {}) const {
    Words words{TEST_SPREAD, hosts_file(lease), std::to_string(calls),
                std::to_string(milliseconds)};
    words.insert(words.end(), more.begin(), more.end());
    return on_login(std::move(words));
  }

  Command fetch(Words more) const {
    Words words{FLAGSHIP_PROGRAM,  "fetch",  "--hosts",
                hosts_file("10s"), "--json", "--allow-private"};
    words.insert(words.end(), more.begin(), more.end());
    return on_login(std::move(words));
  }

  /// On the bed's server, with a log; an origin for each of `ports`.
  std::unique_ptr<ManyOrigins> serve(ManyOrigins::Answer answer, std::size_t ports = 1) const {
    std::unique_ptr<ManyOrigins> server;
    bed().with_network_of("server", [&] {
      server = std::make_unique<ManyOrigins>(std::move(answer), ports, "eth0");
    });
    return server;
  }

  std::string url_of(const ManyOrigins& server, std::size_t port = 0) const {
    return "http://" + bed().address_of("server") + ":" + std::to_string(server.ports()[port]);
  }

  TempFolder folder_;
};

}  // namespace flagship::testing
