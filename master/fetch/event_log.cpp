// SPDX-License-Identifier: MIT
#include "master/fetch/event_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "master/fetch/report.hpp"
#include "worker/fetch/url.hpp"

namespace flagship::fetch {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "";
}

LogLevel level_of(v1::FetchOutcome outcome) {
  if (outcome == v1::FETCH_ERROR) return LogLevel::error;
  return outcome == v1::FETCH_NOT_FOUND ? LogLevel::warning : LogLevel::info;
}

std::string_view name_of(PlanNews::What what) {
  switch (what) {
    case PlanNews::What::slowed:
      return "slowed";
    case PlanNews::What::recovered:
      return "recovered";
    case PlanNews::What::held:
      return "held";
    case PlanNews::What::given_up:
      return "given_up";
  }
  return "";
}

// As RFC 3339 has it.
std::string time_now() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(second)),
                     (now - second).count());
}

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json redirects_of(const v1::FetchResult& result) {
  Json redirects = Json::array();
  for (const v1::FetchHop& hop : result.redirects())
    redirects.push_back({{"status", hop.status()}, {"url", hop.url()}});
  return redirects;
}

// Passwords in URLs are nobody's to read.
std::string line_of(const ItemReport& report) {
  std::string shown = shown_url(report.item.url);
  if (shown == report.item.url) return json_line(report);
  ItemReport copy = report;
  copy.item.url = std::move(shown);
  return json_line(copy);
}

std::string item_of(const ItemReport& report) {
  std::string line = line_of(report);
  if (report.result.redirects().empty()) return line;
  line.pop_back();
  return line + ",\"redirects\":" + text_of(redirects_of(report.result)) + "}";
}

}  // namespace

void EventLog::begin(const std::string& what, std::size_t in_flight, std::size_t workers) {
  Json json;
  json["what"] = what;
  json["in_flight"] = in_flight;
  json["workers"] = workers;
  json["pid"] = ::getpid();
  add(LogLevel::info, "begin", text_of(json));
  file_.flush();
}

void EventLog::end(const Tally& tally, bool complete, int signal) {
  const Totals& totals = tally.totals();
  Json json;
  json["ok"] = totals.ok;
  json["not_found"] = totals.not_found;
  json["skipped"] = totals.skipped;
  json["errors"] = totals.errors;
  json["bytes"] = totals.bytes;
  json["complete"] = complete;
  json["signal"] = signal != 0 ? Json(signal) : Json(nullptr);
  add(LogLevel::info, "end", text_of(json));
  file_.flush();
}

void EventLog::failed(const Item& item, int number, const v1::FetchResult& result,
                      const Outcome& where) {
  if (!wants(LogLevel::warning)) return;
  Json json;
  json["key"] = item.key;
  json["url"] = shown_url(item.url);
  json["attempt"] = number;
  json["class"] = class_name(result.error_class());
  json["reason"] = result.reason();
  json["status"] = result.status() != 0 ? Json(result.status()) : Json(nullptr);
  json["ms"] = static_cast<double>(result.micros()) / 1000;
  json["host"] = where.host;
  json["worker"] = where.worker >= 0 ? Json(where.worker) : Json(nullptr);
  if (!result.redirects().empty()) json["redirects"] = redirects_of(result);
  add(LogLevel::warning, "attempt", text_of(json));
}

void EventLog::ended(const ItemReport& report, const Totals&) {
  const LogLevel level = level_of(report.result.outcome());
  if (wants(level)) add(level, "item", item_of(report));
}

void EventLog::heard(const PlanNews& news) {
  const auto level = news.what == PlanNews::What::recovered ? LogLevel::info : LogLevel::warning;
  Json json;
  json["origin"] = news.origin;
  json["what"] = name_of(news.what);
  if (news.at_once > 0) json["at_once"] = news.at_once;
  if (news.what == PlanNews::What::held)
    json["ms"] = std::chrono::round<std::chrono::milliseconds>(news.pause).count();
  add(level, "origin", text_of(json));
}

std::optional<std::chrono::steady_clock::time_point> EventLog::idle(const Totals&) {
  file_.flush();
  return std::nullopt;
}

void EventLog::add(LogLevel level, std::string_view event, const std::string& fields) {
  if (!wants(level)) return;
  file_.add(fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"event\":\"{}\",{}\n", time_now(),
                        name_of(level), event, std::string_view(fields).substr(1)));
}

}  // namespace flagship::fetch
