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
#include <system_error>

#include "flagship/flagship.hpp"
#include "master/cli/commands.hpp"
#include "master/cli/exit_codes.hpp"
#include "master/cli/fetch_isolation.hpp"
#include "master/cli/fetch_options.hpp"
#include "master/cli/fetch_plan.hpp"
#include "master/cli/output_folder.hpp"
#include "master/cli/remembered_options.hpp"
#include "master/cli/resume_line.hpp"
#include "master/cli/signals.hpp"
#include "master/cli/worker_program.hpp"
#include "master/fetch/console.hpp"
#include "master/fetch/event_log.hpp"
#include "master/fetch/metrics.hpp"
#include "master/fetch/protobuf_report.hpp"
#include "master/fetch/report.hpp"
#include "master/fetch/run.hpp"
#include "master/fetch/store/intake.hpp"
#include "master/fetch/store/overview.hpp"
#include "master/fetch/store/recorder.hpp"
#include "master/serve/server.hpp"
#include "worker/fetch/engine.hpp"
#include "worker/fetch/runner_tasks.hpp"
#include "worker/fetch/shard_files.hpp"

namespace flagship::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kGrace{5000};
constexpr std::chrono::milliseconds kHungFor{5000};
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
    pool.hosts = plan.hosts;
    pool.max_running = static_cast<int>(plan.in_flight);
    pool.flush_after = std::chrono::milliseconds(16);
    pool.task_timeout = watchdog(options.timeout);
    pool.isolation =
        isolation_of_downloads(options.sink != SinkKind::none ? options.output : std::string());
    return pool;
  }

  // A worker ends its attempts in time by itself. One that does not hangs, or is stopped.
  static duration watchdog(std::chrono::milliseconds timeout) {
    return timeout.count() == 0 ? duration::zero() : 2 * timeout + kHungFor;
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
  /// `remembered`: the options, as the run's record is to remember them.
  FetchCommand(const FetchOptions& options, std::string remembered)
      : options_(options), remembered_(std::move(remembered)), plan_(plan_fetch(options)) {}

  int run() {
    if (options_.dry_run) return say_plan();
    give_up_at = Clock::duration::max().count();
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout is an error code, not an end
    const Signals signals([this](int, int times) { on_signal(times); });
    if (keeps_record()) folder_.emplace(options_.output);
    std::optional<ShardFolder> shards;
    if (options_.sink == SinkKind::tar) shards.emplace(options_.output);
    resume_ = folder_ && folder_->holds_partials();
    ChosenExecutor executor(options_, plan_);
    if (plan_.built_in) server_.emplace(plan_.practice);
    fetch::Console console(console_options(), tally_);
    std::optional<fetch::MetricsFile> metrics;
    if (!options_.metrics_file.empty()) metrics.emplace(options_.metrics_file, tally_);
    fetch::Observers observers({&tally_, &console});
    if (metrics) observers.add(*metrics);
    if (!options_.log_file.empty()) begin_log(observers);
    if (!options_.protobuf_file.empty()) observers.add(protobuf_.emplace(options_.protobuf_file));
    if (keeps_record()) begin_record(observers);
    fetch::Run run(executor.get(), run_options(), recorder_ ? *recorder_ : as_observer(observers));
    console.on_stdout_closed([&run] { run.stop(); });
    const auto source = make_source(run);
    if (recorder_) begin_intake(*source);
    console.follow(intake_ ? *intake_ : *source);
    say(site_line());
    say(plan_.flags ? fetch::searching_line(plan_.codes)
                    : "Downloading the files listed in " + list_name());
    const fetch::Totals totals = attended(run, intake_ ? *intake_ : *source);
    console.finish();
    if (record_) end_record(run.complete());
    if (options_.verbose) say(http_line(options_.transfer));
    if (options_.verbose) say_isolation(executor.get().status());
    if (folder_ && run.complete()) folder_->drop_partials();
    report(totals, run, signals.first());
    if (metrics) metrics->finish();
    if (log_) end_log(run.complete(), signals.first());
    if (protobuf_ && !protobuf_->finish().empty()) say(protobuf_->finish());
    write_summary(run.complete());
    if (signals.first() != 0) return kSignalled + signals.first();
    if (!console.trouble().empty())
      throw std::runtime_error("cannot write to standard output: " + console.trouble());
    return failed(totals) || failed(before()) || !run.complete() ? kSomeFailed : kAllWell;
  }

 private:
  /// Where nothing is kept there is nothing to go on with, unless somebody wants to know: by naming
  /// the folder.
  bool keeps_record() const { return options_.sink != SinkKind::none || options_.records; }

  bool resumes() const { return !options_.resume.empty(); }

  static fetch::Observer& as_observer(fetch::Observers& all) { return all; }

  static bool failed(const fetch::Totals& totals) { return totals.errors + totals.not_found > 0; }

  /// What was on record already.
  fetch::Totals before() const { return intake_ ? intake_->before() : fetch::Totals{}; }

  void begin_record(fetch::Observer& next) {
    fetch::RunFacts facts;
    facts.arguments = remembered_;
    facts.most_in_flight = plan_.in_flight;
    facts.resume = resumes();
    facts.careful = options_.fsync != v1::FSYNC_NONE;
    if (plan_.flags) facts.expected = plan_.codes.size();
    record_.emplace(options_.output, facts);
    recorder_.emplace(*record_, next, options_.executor == ExecutorKind::inline_);
    if (record_->replaced_unfinished())
      say("The run that was here before was not complete; this one begins anew.");
  }

  void begin_log(fetch::Observers& observers) {
    log_.emplace(options_.log_file, options_.log_level);
    log_->begin(plan_.flags ? plan_.label : list_name(), plan_.in_flight, plan_.workers);
    observers.add(*log_);
  }

  void end_log(bool complete, int signal) {
    log_->end(tally_, complete, signal);
    if (!log_->trouble().empty()) say(log_->trouble());
  }

  void begin_intake(fetch::Source& source) {
    fetch::IntakeOptions intake;
    intake.folder = options_.output;
    intake.name = options_.name;
    intake.existing = options_.existing;
    intake.bodies = options_.sink == SinkKind::files ? fetch::Bodies::in_files
                    : options_.sink == SinkKind::tar ? fetch::Bodies::in_shards
                                                     : fetch::Bodies::nowhere;
    intake.resume = resumes();
    intake.by_key = plan_.flags;
    intake.retry_failed = options_.retry_failed.value_or(fetch::RetryFailed{});
    intake_.emplace(
        source, intake,
        fetch::Intake::Told{[this](auto items) { recorder_->reserve(std::move(items)); },
                            [this](std::uint64_t items) { recorder_->took_in(items); },
                            [this] { with_run(&fetch::Run::wake); }});
  }

  void end_record(bool complete) {
    if (!recorder_->trouble().empty()) throw fetch::RecordError(recorder_->trouble());
    record_->finish(complete, complete ? intake_->places() : std::nullopt);
  }

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
    run.robots_agent = settings_of(options_.transfer).robots_agent();
    run.grace = kGrace;
    run.max_errors = options_.max_errors;
    run.plan = pacing();
    if ((options_.rate > 0 || options_.total_rate > 0) &&
        options_.executor == ExecutorKind::processes)
      run.first_task = worker::kEchoTask;
    if (options_.order == fetch::Order::input) run.read_ahead = kMostOutOfTurn;
    return run;
  }

  fetch::PlanSettings pacing() const {
    fetch::PlanSettings pacing;
    pacing.in_flight = plan_.in_flight;
    pacing.per_origin =
        options_.per_origin ? static_cast<std::size_t>(*options_.per_origin) : plan_.in_flight;
    pacing.rate = options_.rate;
    pacing.total_rate = options_.total_rate;
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

  void report(const fetch::Totals& totals, const fetch::Run& run, int signal) const {
    if (options_.quiet) return;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    say(connections_line(options_, plan_));
    say_what_was_before();
    std::fputs(fetch::summary(totals, plan_.flags, elapsed).c_str(), stderr);
    if (!plan_.flags && totals.ended() > 0)
      std::fputs(fetch::details(tally_, elapsed).c_str(), stderr);
    if (intake_ && intake_->changed() > 0)
      say("The list is not what it was: " + std::to_string(intake_->changed()) +
          " of its items are new where others are on record.");
    if (signal != 0)
      say("Interrupted. What was downloaded is complete. To go on" +
          (record_ ? ": " + resume_command(options_.output, options_.from == "-")
                   : std::string(", run the same command again: it begins anew.")));
    if (run.had_enough())
      say("Stopped early: " + std::to_string(totals.errors) +
          " errors are more than --max-errors allows. What was downloaded is complete." +
          (record_ ? " To go on: " + resume_command(options_.output, options_.from == "-") : ""));
    if (stopped_at_trouble_) say("Stopped at the first line that is no item (--strict).");
    if (totals.ended() == 0 && run.complete())
      say(before().ended() == 0 ? "The list is empty." : "Nothing was left to do.");
  }

  void say_what_was_before() const {
    const fetch::Totals done = before();
    if (!resumes()) return;
    say(fetch::count_of(done.ended(), plan_.flags) +
        " on record from before: " + std::to_string(done.ok) + " downloaded, " +
        std::to_string(done.skipped) + " skipped, " + std::to_string(done.not_found) +
        " not found, " + std::to_string(done.errors) + (done.errors == 1 ? " error." : " errors."));
  }

  void write_summary(bool complete) const {
    if (!options_.summary_file.empty())
      fetch::replace_file(options_.summary_file,
                          fetch::summary_json(tally_, Clock::now() - begin_, complete));
  }

  /// Signals and the record reach the run as long as it goes on, however it ends.
  fetch::Totals attended(fetch::Run& run, fetch::Source& source) {
    attach(&run);
    const auto detach = [](FetchCommand* command) { command->attach(nullptr); };
    const std::unique_ptr<FetchCommand, decltype(detach)> attached(this, detach);
    if (recorder_)
      recorder_->on_news([this] { with_run(&fetch::Run::wake); },
                         [this] { with_run(&fetch::Run::stop); });
    const fetch::Totals totals = run(source);
    if (recorder_) recorder_->finish();
    return totals;
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

  void with_run(void (fetch::Run::*verb)()) {
    const std::lock_guard lock(mutex_);
    if (run_ != nullptr) (run_->*verb)();
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
  const std::string remembered_;
  const FetchPlan plan_;
  const Clock::time_point begin_ = Clock::now();
  bool resume_ = false;  // there are beginnings of files from a run before
  fetch::Tally tally_;
  std::optional<serve::Server> server_;
  std::optional<OutputFolder> folder_;
  std::optional<fetch::Record> record_;
  std::optional<fetch::Recorder> recorder_;
  std::optional<fetch::Intake> intake_;
  std::optional<fetch::EventLog> log_;
  std::optional<fetch::ProtobufReport> protobuf_;
  bool stopped_at_trouble_ = false;

  std::mutex mutex_;  // guards what follows
  fetch::Run* run_ = nullptr;
  int signalled_ = 0;
};

/// What is on record of the options of the run to go on with, but for those that are given now.
std::string recall(const FetchOptions& given, const CLI::App& command) {
  if (given.records)
    throw std::invalid_argument("--output: the run goes on in the folder of --resume");
  const std::string remembered = fetch::remembered_arguments(given.resume);
  if (list_was_input(remembered) && given.from.empty())
    throw std::invalid_argument(
        "--resume: the list came from standard input; give it again, by --from - or --from FILE");
  return given_again(remembered, command);
}

/// The options of a run that goes on: those on record, but how it is shown as it is now.
FetchOptions resumed(const FetchOptions& given, const std::string& remembered) {
  FetchOptions options = options_of(remembered);
  options.resume = options.output = given.resume;
  options.records = true;
  options.retry_failed = given.retry_failed;
  options.json = given.json;
  options.verbose = given.verbose;
  options.quiet = given.quiet;
  options.trace_futures = given.trace_futures;
  options.dry_run = given.dry_run;
  return options;
}

// That is what the standard library throws when it can start no thread, and all that it says.
constexpr const char* kNoThread =
    "no more threads can be started (see the limits of ulimit -v and -u): ";

int fetch_files(const FetchOptions& given, const CLI::App& command) {
  try {
    const std::string remembered =
        given.resume.empty() ? options_to_remember(command) : recall(given, command);
    FetchOptions options = given.resume.empty() ? given : resumed(given, remembered);
    // Other hosts know nothing of the folder that this process is in.
    if (!options.hosts.empty()) options.output = std::filesystem::absolute(options.output);
    return FetchCommand(options, remembered).run();
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "flagship fetch: %s\nRun with --help for more information.\n",
                 error.what());
    return kUsage;
  } catch (const std::system_error& error) {
    const bool threads = error.code() == std::errc::resource_unavailable_try_again;
    std::fprintf(stderr, "flagship fetch: %s%s\n", threads ? kNoThread : "", error.what());
    return kBroken;
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
  command.callback([options, &command, &exit_code] { exit_code = fetch_files(*options, command); });
}

}  // namespace flagship::cli
