// SPDX-License-Identifier: MIT
#include "master/cli/fetch_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "master/cli/option_group.hpp"
#include "master/cli/validators.hpp"
#include "master/fetch/report.hpp"

namespace flagship::cli {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

template <class T>
using Choices = std::initializer_list<std::pair<const char*, T>>;

/// One of a few words, in any case; another is refused with all of them named.
template <class T, class Value>
CLI::Option* add_choice(CLI::App& app, const std::string& name, const std::string& type,
                        Value& value, Choices<T> choices, const std::string& help) {
  const std::vector<std::pair<std::string, T>> known(choices.begin(), choices.end());
  std::string words;
  for (const auto& [word, meaning] : known) words += (words.empty() ? "" : ", ") + word;
  return app
      .add_option_function<std::string>(
          name,
          [name, known, words, &value](const std::string& text) {
            for (const auto& [word, meaning] : known) {
              if (lower(word) != lower(text)) continue;
              value = meaning;
              return;
            }
            throw CLI::ValidationError(name, "'" + text + "' is not one of " + words);
          },
          help)
      ->type_name(type);
}

void add_size(CLI::App& app, const std::string& name, std::uint64_t& value,
              const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, &value](const std::string& text) {
           const auto parsed = parse_size(text);
           if (!parsed)
             throw CLI::ValidationError(name, "'" + text + "' is not a size like 10k, 5M or 1G");
           value = *parsed;
         },
         help)
      ->type_name("BYTES");
}

void parse_stall(const std::string& text, Stall& stall) {
  const std::size_t slash = text.find('/');
  const auto bytes = parse_size(std::string_view(text).substr(0, slash));
  const auto time = slash == std::string::npos
                        ? std::nullopt
                        : parse_duration(std::string_view(text).substr(slash + 1));
  if (!bytes || !time)
    throw CLI::ValidationError("--stall", "'" + text + "' is not BYTES/TIME, like 1/20s");
  stall = {*bytes, *time};
}

constexpr long long kMostWorkers = 100'000;  // more is a mistake
constexpr double kLeastRate = 0.001, kMostRate = 1'000'000;

void parse_statuses(std::string_view text, std::set<unsigned>& statuses) {
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view one = rest.substr(0, comma);
    unsigned status = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), status);
    if (error != std::errc() || end != one.data() + one.size() || status < 400 || status > 599)
      throw CLI::ValidationError(
          "--retry-status",
          "'" + std::string(text) + "' is not a list of statuses from 400 to 599, like 418,509");
    statuses.insert(status);
    if (comma == std::string_view::npos) return;
    rest.remove_prefix(comma + 1);
  }
}

void parse_retry_failed(const std::string& text, std::optional<fetch::RetryFailed>& retry) {
  if (!retry) retry.emplace();
  if (text.empty()) retry->any = true;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string one = lower(std::string(rest.substr(0, comma)));
    if (!fetch::is_class_name(one) && one != "not_found")
      throw CLI::ValidationError("--retry-failed", "'" + one + "' is no class of errors");
    retry->classes.insert(one);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
}

/// All of the text as a number, or nothing.
template <class T>
std::optional<T> number_of(std::string_view text) {
  T number{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

void add_rate(CLI::App& app, const std::string& name, double& value, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [name, &value](const std::string& text) {
           const auto rate = number_of<double>(text);
           if (!rate || !(*rate >= kLeastRate && *rate <= kMostRate))
             throw CLI::ValidationError(name,
                                        "'" + text + "' is not a number from 0.001 to 1000000");
           value = *rate;
         },
         help)
      ->type_name("R");
}

fetch::MaxErrors parsed_max_errors(const std::string& text) {
  fetch::MaxErrors most;
  if (text.ends_with('%'))
    most.percent = number_of<double>(std::string_view(text).substr(0, text.size() - 1));
  else
    most.count = number_of<std::uint64_t>(text);
  if (!most.count && !(most.percent && *most.percent >= 0 && *most.percent <= 100))
    throw CLI::ValidationError("--max-errors",
                               "'" + text + "' is neither a whole number nor a share like 5%");
  return most;
}

void declare_what(CLI::App& app, FetchOptions& options) {
  app.add_option("CC", options.codes,
                 "Country codes: two letters, or one for 26 (default: the 20 most populous)")
      ->type_name("");
  app.add_flag("-a,--all", options.all, "Every country there is a flag of");
  app.add_flag("-e,--every", options.every, "AA to ZZ");
  app.add_option("--from", options.from,
                 "A list (.txt, .csv, .tsv, .jsonl; also .gz), a folder of lists, or - for stdin")
      ->type_name("FILE");
  app.add_option("--url", options.url_column, "The list's column of URLs (default: url)")
      ->type_name("COLUMN");
  app.add_option("--key", options.key_column, "The list's column of keys (default: key, if any)")
      ->type_name("COLUMN");
  app.add_option("--checksum", options.checksum_column,
                 "The list's column with the SHA-256 that a body must have")
      ->type_name("COLUMN");
  app.add_option("--template", options.url_template,
                 "URL of a code: {cc} in lower case, {CC} in upper case; of a list: {COLUMN}")
      ->type_name("URL");
  app.add_flag("--strict", options.strict, "Stop at the first line of the list that is no item");
  add_count(app, "-l,--limit", options.limit, 1, "The first N only");
}

void declare_where(CLI::App& app, FetchOptions& options) {
  add_choice<ServerLabel>(app, "-s,--server", "LABEL", options.server,
                          {{"LOCAL", ServerLabel::local},
                           {"DELAY", ServerLabel::delay},
                           {"ERROR", ServerLabel::error},
                           {"REMOTE", ServerLabel::remote}},
                          "LOCAL, DELAY, ERROR (built in), REMOTE (--base-url) (default: LOCAL)");
  app.add_option("--base-url", options.base_url, "Where REMOTE has its flags: URL/cc/cc.gif")
      ->type_name("URL");
  add_server_options(app, options.practice);
}

void declare_how(CLI::App& app, FetchOptions& options) {
  add_choice<ExecutorKind>(
      app, "-x,--executor", "KIND", options.executor,
      {{"inline", ExecutorKind::inline_},
       {"threads", ExecutorKind::threads},
       {"processes", ExecutorKind::processes}},
      "What runs the downloads: inline, threads or processes (default: processes)");
  add_count(app, "-w,--workers", options.workers, 1,
            "Worker processes, or threads (default: usable CPUs)", kMostWorkers);
  add_count(app, "-m,--max-req", options.max_in_flight, 1,
            "Transfers in flight in the whole run (default: 30)");
  add_count(app, "--per-origin", options.per_origin, 1,
            "Transfers in flight for each scheme://host:port (default: as -m)");
  add_rate(app, "--rate", options.rate,
           "Requests a second for each scheme://host:port (default: no limit)");
  add_rate(app, "--total-rate", options.total_rate,
           "Requests a second in the whole run (default: no limit)");
  add_choice<fetch::Order>(
      app, "--order", "ORDER", options.order,
      {{"completion", fetch::Order::completion}, {"input", fetch::Order::input}},
      "In which items are reported: completion or input (default: completion)");
  app.add_option("--worker", options.worker_program,
                 "The worker program (default: flagship-worker beside this one)")
      ->type_name("FILE");
  app.add_option("--hosts", options.hosts,
                 "Work on the hosts that FILE names (default: this machine)")
      ->type_name("FILE");
}

void declare_limits(CLI::App& app, FetchOptions& options) {
  add_duration(app, "--timeout", options.timeout, "One attempt with its redirects (default: 30s)");
  add_duration(app, "--connect-timeout", options.connect_timeout, "Connecting (default: 10s)");
  app.add_option_function<std::string>(
         "--stall", [&options](const std::string& text) { parse_stall(text, options.stall); },
         "Fewer than BYTES in TIME is too slow (default: 1/20s)")
      ->type_name("BYTES/TIME");
  add_count(app, "--retries", options.retries, 0,
            "More attempts after one that may go better (default: 4)");
  app.add_option_function<std::vector<std::string>>(
         "--retry-status",
         [&options](const std::vector<std::string>& texts) {
           for (const std::string& text : texts) parse_statuses(text, options.retry_statuses);
         },
         "Statuses to try again besides 408, 425, 429, 500, 502, 503, 504")
      ->type_name("N,N...")
      ->allow_extra_args(false);
  add_duration(app, "--max-retry-after", options.max_retry_after,
               "A server that asks for a longer pause is not waited for (default: 2m)");
  app.add_option_function<std::string>(
         "--max-errors",
         [&options](const std::string& text) { options.max_errors = parsed_max_errors(text); },
         "Stop early when more than N items are errors, or P% of at least 100 that ended")
      ->type_name("N|P%");
  add_count(app, "--max-redirects", options.max_redirects, 0, "Redirects to follow (default: 10)");
  app.add_flag("--allow-downgrade", options.allow_downgrade, "Follow redirects from https to http");
  add_size(app, "--limit-rate", options.limit_rate,
           "So many bytes a second in the whole run (default: no limit)");
  add_size(app, "--max-size", options.max_size, "Refuse what is larger (default: 1G)");
  app.add_flag("--allow-private", options.allow_private,
               "Connect to loopback, link-local and private addresses too");
}

void declare_files(CLI::App& app, FetchOptions& options) {
  app.add_option_function<std::string>(
         "-o,--output",
         [&options](const std::string& folder) {
           options.output = folder;
           options.records = true;
         },
         "Folder of the files and of the run's record (default: downloads)")
      ->type_name("DIR");
  app.add_option("--name", options.name,
                 "Name of a file: {key}, {ext}, a list's {COLUMN} (default: {key}{ext})")
      ->type_name("TEMPLATE");
  add_choice<fetch::Existing>(
      app, "--existing", "POLICY", options.existing,
      {{"replace", fetch::Existing::replace},
       {"skip", fetch::Existing::skip},
       {"fail", fetch::Existing::fail},
       {"rename", fetch::Existing::rename}},
      "A file that was there before: replace, skip, fail, rename (default: replace)");
  app.add_option("--resume", options.resume,
                 "Go on with the run in this folder: its list and options are remembered")
      ->type_name("DIR");
  app.add_option_function<std::string>(
         "--retry-failed",
         [&options](const std::string& text) { parse_retry_failed(text, options.retry_failed); },
         "With --resume: try what failed again; all of it, or these classes only")
      ->type_name("[CLASS,...]")
      ->expected(0, 1);
  add_choice<SinkKind>(
      app, "--sink", "KIND", options.sink,
      {{"files", SinkKind::files}, {"tar", SinkKind::tar}, {"none", SinkKind::none}},
      "What becomes of the bodies: files, tar or none (default: files)");
  add_size(app, "--shard-size", options.shard_size, "Of a tar file of --sink tar (default: 1G)");
  add_choice<v1::Fsync>(
      app, "--fsync", "WHEN", options.fsync,
      {{"none", v1::FSYNC_NONE}, {"file", v1::FSYNC_FILE}, {"batch", v1::FSYNC_BATCH}},
      "What is reported is on the disk: none, file (one by one), batch (default: none)");
}

void declare_sight(CLI::App& app, FetchOptions& options) {
  app.add_flag("--json", options.json, "A line of JSON an item on stdout, as it completes");
  app.add_flag("-v,--verbose", options.verbose, "A line an item on stdout");
  app.add_flag("-q,--quiet", options.quiet, "No bar and no report");
  app.add_flag("--trace-futures", options.trace_futures,
               "Each future as it is scheduled, begun and completed, on stdout");
  app.add_option("--summary", options.summary_file, "Write the counts as JSON to FILE at the end")
      ->type_name("FILE");
  app.add_option("--metrics", options.metrics_file,
                 "Keep FILE up to date, each second, in Prometheus' text format")
      ->type_name("FILE");
  app.add_option("--protobuf", options.protobuf_file,
                 "Append each item to FILE as a protobuf message FetchReport behind its length")
      ->type_name("FILE");
  app.add_option("--log", options.log_file,
                 "Append what happens to FILE as lines of JSON, failed attempts included")
      ->type_name("FILE");
  add_choice<fetch::LogLevel>(app, "--log-level", "LEVEL", options.log_level,
                              {{"info", fetch::LogLevel::info},
                               {"warning", fetch::LogLevel::warning},
                               {"error", fetch::LogLevel::error}},
                              "What --log begins at: info, warning or error (default: info)");
  app.add_flag("--dry-run", options.dry_run, "Say what would be done; no network, no file");
}

}  // namespace

void declare_fetch_options(CLI::App& app, FetchOptions& options) {
  in_group(app, "What to download", [&] { declare_what(app, options); });
  in_group(app, "Flags to practise on", [&] { declare_where(app, options); });
  in_group(app, "Workers and their pace", [&] { declare_how(app, options); });
  in_group(app, "Limits and retries", [&] { declare_limits(app, options); });
  declare_transfer_options(app, options.transfer);
  in_group(app, "Files", [&] { declare_files(app, options); });
  in_group(app, "What is shown", [&] { declare_sight(app, options); });
}

}  // namespace flagship::cli
