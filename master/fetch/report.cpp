// SPDX-License-Identifier: MIT
#include "master/fetch/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/hex.hpp"
#include "common/units.hpp"
#include "master/fetch/progress.hpp"
#include "worker/fetch/text.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

constexpr std::size_t kListedCodes = 10;
constexpr std::size_t kShown = 2000;  // bytes of a key, URL or reason in a line for people

// Keys and URLs come from lists and reasons from servers: none of them gets to talk to the
// terminal.
std::string shown(std::string_view text) {
  std::string line = printable(text, kShown);
  if (text.size() > kShown) line += "...";
  return line;
}

nlohmann::json text_or_null(std::string_view text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

std::int64_t milliseconds_of(std::chrono::nanoseconds time) {
  return std::chrono::round<std::chrono::milliseconds>(time).count();
}

nlohmann::ordered_json json_of(const WorkerDied& death) {
  nlohmann::ordered_json json;
  json["signal"] = text_or_null(death.signal_name());
  json["exit_code"] =
      death.exit_code() >= 0 ? nlohmann::json(death.exit_code()) : nlohmann::json(nullptr);
  json["out_of_memory"] = death.out_of_memory();
  json["memory_limit"] =
      death.memory_limit() > 0 ? nlohmann::json(death.memory_limit()) : nlohmann::json(nullptr);
  json["peak_rss"] = death.peak_rss();
  json["user_ms"] = milliseconds_of(death.user_time());
  json["system_ms"] = milliseconds_of(death.system_time());
  json["host"] = death.host();
  json["pid"] = death.pid();
  json["attempt"] = death.attempt();
  json["stderr_tail"] = text_or_null(death.stderr_tail());
  json["backtrace"] = text_or_null(death.backtrace());
  return json;
}

}  // namespace

std::string_view class_name(v1::FetchClass error_class) {
  switch (error_class) {
    case v1::DNS:
      return "dns";
    case v1::CONNECT:
      return "connect";
    case v1::TLS:
      return "tls";
    case v1::TIMEOUT:
      return "timeout";
    case v1::STALLED:
      return "stalled";
    case v1::RESET:
      return "reset";
    case v1::TRUNCATED:
      return "truncated";
    case v1::PROTOCOL:
      return "protocol";
    case v1::HTTP_STATUS:
      return "http_status";
    case v1::REDIRECT:
      return "redirect";
    case v1::TOO_LARGE:
      return "too_large";
    case v1::WRONG_TYPE:
      return "wrong_type";
    case v1::BAD_CHECKSUM:
      return "bad_checksum";
    case v1::REFUSED_SCHEME:
      return "refused_scheme";
    case v1::REFUSED_ADDRESS:
      return "refused_address";
    case v1::DISK:
      return "disk";
    case v1::WORKER_DIED:
      return "worker_died";
    case v1::CANCELLED:
      return "cancelled";
    case v1::BAD_INPUT:
      return "bad_input";
    case v1::REFUSED_ROBOTS:
      return "refused_robots";
    default:
      return "";
  }
}

bool is_class_name(std::string_view name) {
  for (int i = v1::FetchClass_MIN; i <= v1::FetchClass_MAX; ++i)
    if (!name.empty() && class_name(static_cast<v1::FetchClass>(i)) == name) return true;
  return false;
}

std::string_view outcome_name(v1::FetchOutcome outcome) {
  switch (outcome) {
    case v1::FETCH_OK:
      return "ok";
    case v1::FETCH_NOT_FOUND:
      return "not_found";
    case v1::FETCH_SKIPPED:
      return "skipped";
    default:
      return "error";
  }
}

std::string json_line(const ItemReport& report) {
  const v1::FetchResult& result = report.result;
  const bool ok = result.outcome() == v1::FETCH_OK;
  nlohmann::ordered_json line;
  line["key"] = report.item.key;
  line["url"] = report.item.url;
  line["outcome"] = outcome_name(result.outcome());
  line["class"] = text_or_null(class_name(result.error_class()));
  line["reason"] = text_or_null(result.reason());
  line["attempts"] = report.attempts;
  line["status"] = result.status() != 0 ? nlohmann::json(result.status()) : nlohmann::json(nullptr);
  line["bytes"] = result.bytes();
  line["sha256"] = text_or_null(to_hex(result.sha256()));
  line["path"] = ok ? text_or_null(report.item.path) : nlohmann::json(nullptr);
  line["type"] = text_or_null(result.type());
  line["ms"] = static_cast<double>(result.micros()) / 1000;
  line["host"] = text_or_null(report.where.host);
  line["worker"] =
      report.where.worker >= 0 ? nlohmann::json(report.where.worker) : nlohmann::json(nullptr);
  line["pid"] = report.where.pid > 0 ? nlohmann::json(report.where.pid) : nlohmann::json(nullptr);
  if (report.death) line["death"] = json_of(*report.death);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string text_line(const ItemReport& report) {
  const v1::FetchResult& result = report.result;
  const std::string key = shown(report.item.key);
  const std::string url = shown(shown_url(report.item.url));
  switch (result.outcome()) {
    case v1::FETCH_OK:
      return fmt::format("{} OK", key);
    case v1::FETCH_NOT_FOUND:
      return fmt::format("{} not found: {}", key, url);
    case v1::FETCH_SKIPPED:
      return fmt::format("{} skipped: {}", key, shown(report.item.path));
    default:
      break;
  }
  return fmt::format("{} error: {}{}{}: {} ({} attempt{})", key, url, url.empty() ? "" : ": ",
                     class_name(result.error_class()), shown(result.reason()), report.attempts,
                     report.attempts == 1 ? "" : "s");
}

std::string clock_time(double seconds) {
  const auto s = static_cast<long long>(seconds);
  return s < 60     ? fmt::format("{}s", s)
         : s < 3600 ? fmt::format("{}m{:02}s", s / 60, s % 60)
                    : fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
}

std::string news_line(const PlanNews& news) {
  const std::string origin = printable(news.origin, 200) + ": ";
  switch (news.what) {
    case PlanNews::What::slowed:
      return fmt::format("{}too much at once, now {}", origin, news.at_once);
    case PlanNews::What::recovered:
      return fmt::format("{}well again, now {} at once", origin, news.at_once);
    case PlanNews::What::held:
      return fmt::format("{}left alone for {:.1f}s", origin,
                         std::chrono::duration<double>(news.pause).count());
    case PlanNews::What::given_up:
      return origin + "given up, since nothing comes from it";
  }
  return origin;
}

std::string count_of(std::uint64_t n, bool flags) {
  return fmt::format("{} {}{}", n, flags ? "flag" : "file", n == 1 ? "" : "s");
}

std::string searching_line(const Codes& codes) {
  std::string which;
  if (codes.size() > kListedCodes)
    which = fmt::format("from {} to {}", *codes.begin(), *codes.rbegin());
  else
    which = fmt::format("{}", fmt::join(codes, ", "));
  return fmt::format("Searching for {}: {}", count_of(codes.size(), true), which);
}

std::string summary(const Totals& totals, bool flags, std::chrono::duration<double> elapsed) {
  const char* const noun = flags ? "flag" : "file";
  std::string text(20, '-');
  text += fmt::format("\n{:3} {}{} downloaded.\n", totals.ok, noun, totals.ok == 1 ? "" : "s");
  if (totals.skipped > 0) text += fmt::format("{:3} skipped.\n", totals.skipped);
  if (totals.not_found > 0) text += fmt::format("{:3} not found.\n", totals.not_found);
  if (totals.errors > 0)
    text += fmt::format("{:3} error{}.\n", totals.errors, totals.errors == 1 ? "" : "s");
  text += fmt::format("Elapsed time: {:.2f}s\n", elapsed.count());
  return text;
}

std::string details(const Tally& tally, std::chrono::duration<double> elapsed) {
  const Totals& totals = tally.totals();
  const TimeHistogram& times = tally.times();
  const double seconds = std::max(elapsed.count(), 1e-9);
  std::string text = fmt::format("Received {}, {}/s, {:.1f} files/s.\n",
                                 size_words(static_cast<double>(totals.bytes)),
                                 size_words(static_cast<double>(totals.bytes) / seconds),
                                 static_cast<double>(totals.ended()) / seconds);
  if (times.count() > 0)
    text +=
        fmt::format("Time of a file: p50 {}, p90 {}, p99 {}, at most {}.\n",
                    format_duration(times.percentile(0.5)), format_duration(times.percentile(0.9)),
                    format_duration(times.percentile(0.99)), format_duration(times.longest()));
  if (totals.errors > 0) text += "Errors: " + classes_of(tally) + ".\n";
  return text;
}

std::string summary_json(const Tally& tally, std::chrono::duration<double> elapsed, bool complete) {
  const Totals& totals = tally.totals();
  const TimeHistogram& times = tally.times();
  const auto ms = [](std::chrono::microseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  nlohmann::ordered_json json;
  json["ok"] = totals.ok;
  json["not_found"] = totals.not_found;
  json["skipped"] = totals.skipped;
  json["errors"] = totals.errors;
  json["complete"] = complete;
  json["attempts"] = tally.attempts();
  json["bytes"] = totals.bytes;
  json["seconds"] = elapsed.count();
  json["ms"] = {{"p50", ms(times.percentile(0.5))},
                {"p90", ms(times.percentile(0.9))},
                {"p99", ms(times.percentile(0.99))},
                {"max", ms(times.longest())}};
  json["errors_by_class"] = nlohmann::ordered_json::object();
  for (const auto& [why, count] : tally.errors()) json["errors_by_class"][class_name(why)] = count;
  return json.dump(2) + "\n";
}

}  // namespace flagship::fetch
