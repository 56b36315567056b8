// SPDX-License-Identifier: MIT
#include "master/cli/fetch_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "flagship/options.hpp"
#include "master/fetch/pattern.hpp"
#include "master/fetch/source.hpp"

namespace flagship::cli {
namespace {

constexpr std::uint64_t kPartialWorthKeeping = 64 * 1024;
constexpr const char* kFlagPath = "/{cc}/{cc}.gif";

fetch::Codes codes_of(const FetchOptions& options) {
  fetch::Codes codes = options.every           ? fetch::every_code()
                       : options.all           ? fetch::all_countries()
                       : options.codes.empty() ? fetch::pop20()
                                               : fetch::codes_of(options.codes);
  if (options.limit && codes.size() > static_cast<std::size_t>(*options.limit))
    codes.erase(std::next(codes.begin(), *options.limit), codes.end());
  return codes;
}

const char* name_of(ServerLabel label) {
  switch (label) {
    case ServerLabel::local:
      return "LOCAL";
    case ServerLabel::delay:
      return "DELAY";
    case ServerLabel::error:
      return "ERROR";
    case ServerLabel::remote:
      return "REMOTE";
  }
  return "";
}

void refuse_what_does_not_go_together(const FetchOptions& options) {
  if (options.retry_failed && options.resume.empty())
    throw std::invalid_argument("--retry-failed: it goes with --resume");
  const bool codes = !options.codes.empty() || options.all || options.every;
  if (!options.from.empty() && codes)
    throw std::invalid_argument("--from: a list and country codes do not go together");
  if (!options.url_column.empty() && !options.url_template.empty())
    throw std::invalid_argument("--url: give either a column of URLs or --template");
  if (options.from.empty())
    for (const auto& [option, column] : {std::pair("--url", options.url_column),
                                         {"--key", options.key_column},
                                         {"--checksum", options.checksum_column}})
      if (!column.empty())
        throw std::invalid_argument(std::string(option) + ": it names a column of a list (--from)");
  if (!options.from.empty() && !options.base_url.empty())
    throw std::invalid_argument("--base-url: a list has its own URLs");
  if (!options.base_url.empty() && !options.url_template.empty())
    throw std::invalid_argument("--base-url: give either that or --template");
  if (options.json && options.trace_futures)
    throw std::invalid_argument(
        "--json: its lines and those of --trace-futures would mix on stdout");
  if (options.json && options.verbose)
    throw std::invalid_argument("--json: its lines and those of --verbose would mix on stdout");
  const bool elsewhere =
      !options.base_url.empty() || !options.url_template.empty() || !options.from.empty();
  if (options.server && *options.server != ServerLabel::remote && elsewhere)
    throw std::invalid_argument(
        std::string("--server: ") + name_of(*options.server) +
        " is a built-in server; --base-url, --template and --from go with REMOTE");
  if (options.server == ServerLabel::remote && !elsewhere)
    throw std::invalid_argument("--server: REMOTE needs --base-url");
  if (elsewhere && options.practice.any())
    throw std::invalid_argument(
        "--delay, --error-rate, --fault: they are for the built-in servers");
  if (!options.hosts.empty() && options.executor != ExecutorKind::processes)
    throw std::invalid_argument(
        "--hosts: what runs on other hosts is worker processes; it goes with -x processes only");
}

serve::Options practice_of(const FetchOptions& options, ServerLabel label) {
  ServerOptions chosen = options.practice;
  if (label == ServerLabel::delay && !chosen.delay) chosen.delay = "0.5..5";
  if (label == ServerLabel::error && !chosen.error_rate && !chosen.fault) chosen.error_rate = 0.25;
  return chosen.practice_options();
}

void refuse_other_places(const char* option, const std::string& pattern,
                         const std::vector<std::string>& known) {
  const fetch::Pattern read(pattern);
  for (const std::string& place : read.places())
    if (std::find(known.begin(), known.end(), place) == known.end())
      throw std::invalid_argument(fmt::format("{}: there is no {{{}}}; there are: {{{}}}", option,
                                              place, fmt::join(known, "}, {")));
}

// Without a place every file would be the same one, under different names.
void refuse_template_of_codes(const std::string& url_template) {
  if (fetch::Pattern(url_template).places().empty())
    throw std::invalid_argument("--template: '" + url_template +
                                "' has no {cc} or {CC} where the code goes");
  refuse_other_places("--template", url_template, {"cc", "CC", "key"});
}

bool speaks_of_columns(const std::string& name_template) {
  const fetch::Pattern pattern(name_template);
  for (const std::string& place : pattern.places())
    if (place != "key" && place != "ext") return true;
  return false;
}

fetch::List list_of(const FetchOptions& options) {
  if (!options.url_template.empty() && fetch::Pattern(options.url_template).places().empty())
    throw std::invalid_argument("--template: '" + options.url_template +
                                "' has no {COLUMN} where the list's value goes");
  fetch::List list{options.from, options.url_column, options.key_column, options.checksum_column,
                   options.url_template};
  if (speaks_of_columns(options.name)) list.name_template = options.name;
  return list;
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::size_t workers_here(int asked) {
  return static_cast<std::size_t>(asked > 0 ? asked : usable_cpus());
}

// A host that does not say counts as having as many as this one.
std::size_t workers_on(const Hosts& hosts) {
  std::size_t all = 0;
  for (const Host& host : hosts.hosts)
    all += workers_here(host.workers) * static_cast<std::size_t>(host.agents);
  return all;
}

}  // namespace

FetchPlan plan_fetch(const FetchOptions& options) {
  refuse_what_does_not_go_together(options);
  settings_of(options.transfer);  // whatever is wrong with them shows before anything is started
  FetchPlan plan;
  if (!options.hosts.empty()) plan.hosts = Hosts::from_file(options.hosts);
  const bool elsewhere =
      !options.base_url.empty() || !options.url_template.empty() || !options.from.empty();
  const ServerLabel label =
      options.server.value_or(elsewhere ? ServerLabel::remote : ServerLabel::local);
  plan.label = name_of(label);
  plan.built_in = label != ServerLabel::remote;
  if (plan.built_in) plan.practice = practice_of(options, label);
  plan.flags = options.from.empty();
  if (plan.flags) {
    plan.codes = codes_of(options);
    if (!options.url_template.empty()) refuse_template_of_codes(options.url_template);
    refuse_other_places("--name", options.name, {"key", "ext"});
  } else {
    plan.list = list_of(options);
  }
  plan.url_template = !options.url_template.empty() ? options.url_template
                      : plan.built_in               ? kFlagPath
                                                    : without_slash(options.base_url) + kFlagPath;

  const auto most = static_cast<std::size_t>(
      std::min(options.max_in_flight, options.limit.value_or(options.max_in_flight)));
  const std::size_t items = plan.flags
                                ? plan.codes.size()
                                : std::max<std::size_t>(1, fetch::count_items(plan.list, most));
  const std::size_t asked = plan.hosts ? workers_on(*plan.hosts) : workers_here(options.workers);
  plan.in_flight = std::min(static_cast<std::size_t>(options.max_in_flight), items);
  plan.workers = std::min(asked, plan.in_flight);
  if (options.executor == ExecutorKind::inline_) plan.workers = 1;
  if (options.executor != ExecutorKind::processes)
    plan.in_flight = plan.workers;  // one transfer in each
  return plan;
}

v1::FetchLimits limits_of(const FetchOptions& options, std::size_t engines) {
  const auto ms = [](std::chrono::milliseconds time) {
    return static_cast<std::uint32_t>(time.count());
  };
  v1::FetchLimits limits;
  limits.set_timeout_ms(ms(options.timeout));
  limits.set_connect_timeout_ms(ms(options.connect_timeout));
  limits.set_stall_bytes(options.stall.bytes);
  limits.set_stall_ms(ms(options.stall.time));
  limits.set_max_redirects(static_cast<std::uint32_t>(options.max_redirects));
  limits.set_allow_downgrade(options.allow_downgrade);
  limits.set_max_bytes(options.max_size);
  limits.set_allow_private(options.allow_private);
  limits.set_max_retry_after_ms(ms(options.max_retry_after));
  limits.set_first_byte_timeout_ms(ms(options.transfer.first_byte_timeout));
  limits.set_dns_timeout_ms(ms(options.transfer.dns_timeout));
  limits.set_keep_partial_bytes(kPartialWorthKeeping);
  v1::FetchSettings settings = settings_of(options.transfer);
  if (options.limit_rate > 0)
    settings.set_bytes_per_second(std::max<std::uint64_t>(1, options.limit_rate / engines));
  settings.set_fsync(options.fsync);
  if (options.sink == SinkKind::tar) {
    settings.set_shards_folder(options.output);
    settings.set_shard_bytes(options.shard_size);
  }
  limits.set_settings(settings.SerializeAsString());
  return limits;
}

std::string connections_line(const FetchOptions& options, const FetchPlan& plan) {
  if (options.executor == ExecutorKind::inline_) return "1 connection, inline.";
  const char* const s = plan.workers == 1 ? "" : "s";
  const std::string workers =
      options.executor == ExecutorKind::threads
          ? fmt::format("{} thread{}", plan.workers, s)
          : fmt::format("{} worker process{}", plan.workers, plan.workers == 1 ? "" : "es");
  return fmt::format("{} concurrent connection{}, {}.", plan.in_flight,
                     plan.in_flight == 1 ? "" : "s", workers);
}

}  // namespace flagship::cli
