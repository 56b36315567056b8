// SPDX-License-Identifier: MIT
#include "worker/fetch/retry_after.hpp"

#include <algorithm>
#include <array>

#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::system_clock;

constexpr milliseconds kLongest = std::chrono::hours(24 * 365);

struct Date {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

/// Takes pieces off the front of a text; once something did not fit, it stays failed.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool done() const { return good_ && rest_.empty(); }

  void skip(std::string_view expected) {
    good_ = good_ && rest_.starts_with(expected);
    if (good_) rest_.remove_prefix(expected.size());
  }
  void skip_letters() {
    const auto end = rest_.find_first_not_of(kLetters);
    good_ = good_ && end != 0 && end != std::string_view::npos;
    if (good_) rest_.remove_prefix(end);
  }
  void number(std::size_t width, int& value) {
    const auto read = digits(rest_.substr(0, width));
    good_ = good_ && rest_.size() >= width && read;
    if (!good_) return;
    value = static_cast<int>(*read);
    rest_.remove_prefix(width);
  }
  void padded_day(int& value) {
    if (rest_.starts_with(' ')) {
      rest_.remove_prefix(1);
      number(1, value);
    } else {
      number(2, value);
    }
  }
  void month(int& value) {
    static constexpr std::array<std::string_view, 12> kMonths = {
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto found = std::find(kMonths.begin(), kMonths.end(), rest_.substr(0, 3));
    good_ = good_ && found != kMonths.end();
    if (!good_) return;
    value = static_cast<int>(found - kMonths.begin()) + 1;
    rest_.remove_prefix(3);
  }
  void clock(Date& date) {
    number(2, date.hour), skip(":"), number(2, date.minute), skip(":"), number(2, date.second);
  }

 private:
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string_view rest_;
  bool good_ = true;
};

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<Date> imf_fixdate(std::string_view text) {
  Date date;
  Reader in(text);
  in.skip_letters(), in.skip(", "), in.number(2, date.day), in.skip(" "), in.month(date.month);
  in.skip(" "), in.number(4, date.year), in.skip(" "), in.clock(date), in.skip(" GMT");
  return in.done() ? std::optional(date) : std::nullopt;
}

// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<Date> rfc850_date(std::string_view text, int this_year) {
  Date date;
  Reader in(text);
  in.skip_letters(), in.skip(", "), in.number(2, date.day), in.skip("-"), in.month(date.month);
  in.skip("-"), in.number(2, date.year), in.skip(" "), in.clock(date), in.skip(" GMT");
  if (!in.done()) return std::nullopt;
  date.year += this_year / 100 * 100;
  if (date.year > this_year + 50) date.year -= 100;
  return date;
}

// Sun Nov  6 08:49:37 1994
std::optional<Date> asctime_date(std::string_view text) {
  Date date;
  Reader in(text);
  in.skip_letters(), in.skip(" "), in.month(date.month), in.skip(" "), in.padded_day(date.day);
  in.skip(" "), in.clock(date), in.skip(" "), in.number(4, date.year);
  return in.done() ? std::optional(date) : std::nullopt;
}

std::optional<system_clock::time_point> moment(const Date& date) {
  const std::chrono::year_month_day day{std::chrono::year(date.year),
                                        std::chrono::month(static_cast<unsigned>(date.month)),
                                        std::chrono::day(static_cast<unsigned>(date.day))};
  if (!day.ok() || date.hour > 23 || date.minute > 59 || date.second > 60) return std::nullopt;
  // Counted in seconds first: the clock's own unit does not reach the year 9999.
  const auto since = std::chrono::floor<seconds>(sys_days(day).time_since_epoch()) +
                     std::chrono::hours(date.hour) + std::chrono::minutes(date.minute) +
                     seconds(date.second);
  const auto latest = std::chrono::floor<seconds>(system_clock::duration::max());
  const auto earliest = std::chrono::ceil<seconds>(system_clock::duration::min());
  return system_clock::time_point(std::clamp(since, earliest, latest));
}

int year_of(system_clock::time_point time) {
  return static_cast<int>(
      std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time)).year());
}

std::optional<Date> any_date(std::string_view text, int this_year) {
  if (auto date = imf_fixdate(text)) return date;
  if (auto date = rfc850_date(text, this_year)) return date;
  return asctime_date(text);
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::optional<milliseconds> parse_retry_after(std::string_view field,
                                              system_clock::time_point now) {
  const std::string_view text = trimmed(field);
  if (all_digits(text)) {
    const auto longest = static_cast<std::uint64_t>(kLongest.count() / 1000);
    return seconds(std::min(digits(text).value_or(longest), longest));
  }
  const auto date = any_date(text, year_of(now));
  const auto until = date ? moment(*date) : std::nullopt;
  if (!until) return std::nullopt;
  if (*until <= now) return milliseconds(0);
  if (*until >= now + kLongest) return kLongest;
  return std::chrono::ceil<milliseconds>(*until - now);
}

}  // namespace flagship::fetch
