// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "flagship/flagship.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/fetch_isolation.hpp"
#include "master/cli/fetch_options.hpp"
#include "master/cli/fetch_plan.hpp"
#include "master/cli/output_folder.hpp"
#include "master/cli/signals.hpp"
#include "master/cli/worker_program.hpp"
#include "master/fetch/console.hpp"
#include "master/fetch/metrics.hpp"
#include "master/fetch/names.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/run.hpp"
#include "master/serve/server.hpp"
#include "worker/fetch/engine.hpp"
#include "worker/fetch/shard_files.hpp"

namespace flagship::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kGrace{5000};
constexpr std::size_t kAheadAtLeast = 512;    // items handed out beyond those in flight, at most
constexpr std::size_t kMostOutOfTurn = 4096;  // items that wait for a slow one before them

// A download in this process has no worker that could be killed: here it sees when it is to give up
// by itself.
std::atomic<Clock::rep> give_up_at{Clock::duration::max().count()};

bool give_up() {
  return Clock::now().time_since_epoch().count() >= give_up_at.load(std::memory_order_relaxed);
}

v1::FetchResult fetch_here(const v1::FetchRequest& request) {
  return fetch::fetch(request, give_up);
}
FLAGSHIP_TASK("fetch", fetch_here);

/// The one executor that was asked for.
class ChosenExecutor {
 public:
  ChosenExecutor(const FetchOptions& options, const FetchPlan& plan) {
    switch (options.executor) {
      case ExecutorKind::inline_:
        inline_.emplace();
        break;
      case ExecutorKind::threads:
        threads_.emplace(ThreadPoolOptions{static_cast<int>(plan.workers)});
        break;
      case ExecutorKind::processes:
        processes_.emplace(pool_options(options, plan));
        break;
    }
  }

  AnyExecutor get() {
    if (inline_) return *inline_;
    if (threads_) return *threads_;
    return *processes_;
  }

 private:
  static PoolOptions pool_options(const FetchOptions& options, const FetchPlan& plan) {
    PoolOptions pool;
    pool.max_workers = static_cast<int>(plan.workers);
    pool.eager = true;
    pool.on_worker_death = OnWorkerDeath::retry;  // a download may be begun again without harm
    pool.worker_executable = worker_program(options.worker_program);
    pool.name = "fetch";
    pool.max_running = static_cast<int>(plan.in_flight);
    pool.flush_after = std::chrono::milliseconds(2);
    pool.isolation =
        isolation_of_downloads(options.sink != SinkKind::none ? options.output : std::string());
    return pool;
  }

  std::optional<InlineExecutor> inline_;
  std::optional<ThreadPoolExecutor> threads_;
  std::optional<ProcessPoolExecutor> processes_;
};

/// Before and after a run, no shard is left unfinished.
class ShardFolder {
 public:
  explicit ShardFolder(std::string path) : path_(std::move(path)) { fetch::recover_shards(path_); }
  ~ShardFolder() {
    try {
      fetch::recover_shards(path_);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "flagship fetch: %s; the next run into this folder tries again\n",
                   error.what());
    }
  }
  ShardFolder(const ShardFolder&) = delete;
  ShardFolder& operator=(const ShardFolder&) = delete;

 private:
  const std::string path_;
};

/// One `flagship fetch`, from its options to its exit code.
class FetchCommand {
 public:
  explicit FetchCommand(const FetchOptions& options)
      : options_(options), plan_(plan_fetch(options)), names_(options.name) {}

  int run() {
    if (options_.dry_run) return say_plan();
    give_up_at = Clock::duration::max().count();
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout is an error code, not an end
    const Signals signals([this](int, int times) { on_signal(times); });
    std::optional<OutputFolder> folder;
    if (options_.sink != SinkKind::none) folder.emplace(options_.output);
    std::optional<ShardFolder> shards;
    if (options_.sink == SinkKind::tar) shards.emplace(options_.output);
    resume_ = folder && folder->holds_partials();
    ChosenExecutor executor(options_, plan_);
    if (plan_.built_in) server_.emplace(plan_.practice);
    fetch::Console console(console_options(), tally_);
    std::optional<fetch::MetricsFile> metrics;
    if (!options_.metrics_file.empty()) metrics.emplace(options_.metrics_file, tally_);
    fetch::Observers observers({&tally_, &console});
    if (metrics) observers.add(*metrics);
    fetch::Run run(executor.get(), run_options(), observers);
    console.on_stdout_closed([&run] { run.stop(); });
    const auto source = make_source(run);
    console.follow(*source);
    say(site_line());
    say(plan_.flags ? fetch::searching_line(plan_.codes)
                    : "Downloading the files listed in " + list_name());
    const fetch::Totals totals = attended(run, *source);
    console.finish();
    if (options_.verbose) say(http_line(options_.transfer));
    if (options_.verbose) say_isolation(executor.get().status());
    if (folder && run.complete()) folder->drop_partials();
    report(totals, run, signals.first());
    if (metrics) metrics->finish();
    write_summary(run.complete());
    if (signals.first() != 0) return kSignalled + signals.first();
    if (!console.trouble().empty())
      throw std::runtime_error("cannot write to standard output: " + console.trouble());
    return totals.errors + totals.not_found > 0 || !run.complete() ? kSomeFailed : kAllWell;
  }

 private:
  std::string path_of(const std::string& name) const {
    return std::filesystem::path(options_.output) / name;
  }

  std::string base_url() const { return server_ ? server_->base_url() : ""; }

  std::string list_name() const { return plan_.list.name(); }

  std::string site_line() const {
    if (!plan_.flags) return "List: " + list_name();
    std::string site = base_url();
    if (site.empty()) site = options_.base_url.empty() ? options_.url_template : options_.base_url;
    return plan_.label + " site: " + site;
  }

  void say(const std::string& line) const {
    if (!options_.quiet) std::fprintf(stderr, "%s\n", line.c_str());
  }

  void say_isolation(const PoolStatus& status) const {
    const std::string line = isolation_line(status);
    if (!line.empty()) say(line);
  }

  int say_plan() const {
    const std::string what =
        plan_.flags ? fetch::searching_line(plan_.codes) : "Files listed in " + list_name();
    const std::string from =
        plan_.built_in ? "the built-in " + plan_.label + " server" : plan_.url_template;
    std::printf("%s\n", what.c_str());
    if (plan_.flags || !options_.url_template.empty()) std::printf("From: %s\n", from.c_str());
    std::printf("Into: %s\n", options_.sink == SinkKind::files ? path_of(options_.name).c_str()
                              : options_.sink == SinkKind::tar ? path_of("shard-*.tar").c_str()
                                                               : "nowhere (--sink none)");
    std::printf("%s Up to %d attempts each.\n", connections_line(options_, plan_).c_str(),
                options_.retries + 1);
    return kAllWell;
  }

  fetch::ConsoleOptions console_options() const {
    fetch::ConsoleOptions console;
    if (options_.json)
      console.lines = fetch::ItemLines::json;
    else if (options_.verbose)
      console.lines = fetch::ItemLines::text;
    console.at_once = options_.executor == ExecutorKind::inline_;
    console.progress =
        !options_.quiet && console.lines == fetch::ItemLines::none && !options_.trace_futures;
    console.flags = plan_.flags;
    return console;
  }

  fetch::RunOptions run_options() const {
    fetch::RunOptions run;
    run.limits = limits_of(options_, plan_.workers);
    run.resume = resume_;
    if (server_) run.limits.set_trusted_endpoint("127.0.0.1:" + std::to_string(server_->port()));
    run.retry.retries = options_.retries;
    run.retry.also = options_.retry_statuses;
    run.retry.longest_retry_after = options_.max_retry_after;
    run.order = options_.order;
    run.trace = options_.trace_futures;
    run.grace = kGrace;
    run.max_errors = options_.max_errors;
    run.plan = pacing();
    if (options_.order == fetch::Order::input) run.read_ahead = kMostOutOfTurn;
    return run;
  }

  fetch::PlanSettings pacing() const {
    fetch::PlanSettings pacing;
    pacing.in_flight = plan_.in_flight;
    pacing.per_origin =
        options_.per_origin ? static_cast<std::size_t>(*options_.per_origin) : plan_.in_flight;
    pacing.rate = options_.rate;
    // Enough to keep every worker busy between two of its messages. A thread takes its next call
    // before anybody can look at how the one before it ended.
    if (options_.executor == ExecutorKind::processes)
      pacing.ahead = plan_.in_flight + kAheadAtLeast;
    return pacing;
  }

  std::unique_ptr<fetch::Source> make_source(fetch::Run& run) {
    if (plan_.flags) return fetch::from_codes(plan_.codes, base_url() + plan_.url_template);
    const auto limit = options_.limit ? std::optional<std::size_t>(*options_.limit) : std::nullopt;
    auto source = fetch::from_list(plan_.list, limit, [&run] { run.wake(); });
    if (!options_.strict) return source;
    return fetch::telling_trouble(std::move(source), [this, &run](const fetch::Item&) {
      stopped_at_trouble_ = true;
      run.stop();
    });
  }

  void give_path(fetch::Item& item) {
    if (options_.sink == SinkKind::none) return;
    const std::string name = item.name ? names_.take(*item.name, fetch::extension_of(item.url))
                                       : names_.name_for(item.key, item.url);
    item.path = options_.sink == SinkKind::files ? path_of(name) : name;
  }

  void report(const fetch::Totals& totals, const fetch::Run& run, int signal) const {
    if (options_.quiet) return;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    say(connections_line(options_, plan_));
    std::fputs(fetch::summary(totals, plan_.flags, elapsed).c_str(), stderr);
    if (!plan_.flags && totals.ended() > 0)
      std::fputs(fetch::details(tally_, elapsed).c_str(), stderr);
    if (signal != 0)
      say("Interrupted. What was downloaded is complete. To go on, run the same command again: it "
          "begins anew.");
    if (run.had_enough())
      say("Stopped early: " + std::to_string(totals.errors) +
          " errors are more than --max-errors allows. What was downloaded is complete.");
    if (stopped_at_trouble_) say("Stopped at the first line that is no item (--strict).");
    if (totals.ended() == 0 && run.complete()) say("The list is empty.");
  }

  void write_summary(bool complete) const {
    if (!options_.summary_file.empty())
      fetch::replace_file(options_.summary_file,
                          fetch::summary_json(tally_, Clock::now() - begin_, complete));
  }

  /// Signals reach the run as long as it goes on, however it ends.
  fetch::Totals attended(fetch::Run& run, fetch::Source& source) {
    attach(&run);
    const auto detach = [](FetchCommand* command) { command->attach(nullptr); };
    const std::unique_ptr<FetchCommand, decltype(detach)> attached(this, detach);
    return run(source, [this](fetch::Item& item) { give_path(item); });
  }

  void attach(fetch::Run* run) {
    const std::lock_guard lock(mutex_);
    run_ = run;
    if (run_ == nullptr || signalled_ == 0) return;
    if (signalled_ == 1)
      run_->stop();
    else
      run_->abandon();
  }

  // In the thread that hears signals.
  void on_signal(int times) {
    const std::lock_guard lock(mutex_);
    signalled_ = times;
    const auto limit = Clock::now() + (times == 1 ? kGrace : kGrace.zero());
    give_up_at = limit.time_since_epoch().count();
    if (run_ == nullptr) return;
    if (times == 1)
      run_->stop();
    else
      run_->abandon();
  }

  const FetchOptions& options_;
  const FetchPlan plan_;
  const Clock::time_point begin_ = Clock::now();
  fetch::Names names_;
  bool resume_ = false;  // there are beginnings of files from a run before
  fetch::Tally tally_;
  std::optional<serve::Server> server_;
  bool stopped_at_trouble_ = false;

  std::mutex mutex_;  // guards what follows
  fetch::Run* run_ = nullptr;
  int signalled_ = 0;
};

int fetch_files(const FetchOptions& options) {
  try {
    return FetchCommand(options).run();
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "flagship fetch: %s\nRun with --help for more information.\n",
                 error.what());
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "flagship fetch: %s\n", error.what());
    return kBroken;
  }
}

}  // namespace

void add_fetch(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<FetchOptions>();
  CLI::App& command = *app.add_subcommand("fetch", "Download many files");
  declare_fetch_options(command, *options);
  command.callback([options, &exit_code] { exit_code = fetch_files(*options); });
}

}  // namespace flagship::cli
