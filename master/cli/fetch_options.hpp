// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/cli/server_options.hpp"
#include "master/cli/transfer_options.hpp"
#include "master/fetch/event_log.hpp"
#include "master/fetch/max_errors.hpp"
#include "master/fetch/run.hpp"
#include "master/fetch/store/intake.hpp"

namespace flagship::cli {

enum class ExecutorKind { inline_, threads, processes };
enum class ServerLabel { local, delay, error, remote };
enum class SinkKind { files, tar, none };

struct Stall {
  std::uint64_t bytes = 1;
  std::chrono::milliseconds time{20'000};
};

/// `flagship fetch` as it was typed.
struct FetchOptions {
  std::vector<std::string> codes;
  bool all = false;
  bool every = false;
  std::optional<int> limit;
  std::optional<ServerLabel> server;
  ServerOptions practice;
  std::string base_url;
  std::string url_template;
  std::string from;
  std::string url_column;
  std::string key_column;
  std::string checksum_column;
  bool strict = false;

  ExecutorKind executor = ExecutorKind::processes;
  int workers = 0;  // 0: usable CPUs
  int max_in_flight = 30;
  std::optional<int> per_origin;  // nothing: as max_in_flight
  double rate = 0;                // requests a second for each origin; 0: no limit
  double total_rate = 0;          // likewise, for all of the run
  fetch::Order order = fetch::Order::completion;
  std::string worker_program;
  std::string hosts;  // their file; empty: this machine

  std::chrono::milliseconds timeout{30'000};
  std::chrono::milliseconds connect_timeout{10'000};
  Stall stall;
  int retries = 4;
  std::set<unsigned> retry_statuses;
  std::chrono::milliseconds max_retry_after{120'000};
  fetch::MaxErrors max_errors;
  int max_redirects = 10;
  bool allow_downgrade = false;
  std::uint64_t max_size = std::uint64_t{1} << 30;
  bool allow_private = false;
  TransferOptions transfer;
  std::uint64_t limit_rate = 0;  // bytes a second; 0: no limit

  std::string output = "downloads";
  std::string name = "{key}{ext}";
  bool records = false;  // a folder was named: a record is kept there though no files are
  fetch::Existing existing = fetch::Existing::replace;
  SinkKind sink = SinkKind::files;
  std::string resume;  // the folder of the run to go on with
  std::optional<fetch::RetryFailed> retry_failed;
  std::uint64_t shard_size = std::uint64_t{1} << 30;
  v1::Fsync fsync = v1::FSYNC_NONE;

  bool json = false;
  bool verbose = false;
  bool quiet = false;
  bool trace_futures = false;
  std::string summary_file;
  std::string metrics_file;
  std::string protobuf_file;
  std::string log_file;
  fetch::LogLevel log_level = fetch::LogLevel::info;
  bool dry_run = false;
};

void declare_fetch_options(CLI::App& command, FetchOptions& options);

}  // namespace flagship::cli
