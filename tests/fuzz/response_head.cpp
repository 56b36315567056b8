// SPDX-License-Identifier: MIT
// The head of an answer, line by line.
#include "worker/fetch/response_head.hpp"

#include <algorithm>

#include "tests/fuzz/target.hpp"
#include "worker/fetch/text.hpp"

namespace {

using flagship::fuzz::check;

bool may_be_shown(const std::string& text, std::size_t most) {
  return text.size() <= most && flagship::fetch::printable(text, most) == text;
}

}  // namespace

FUZZ_TARGET(response_head) {
  flagship::fetch::ResponseHead head;
  check(!head.begun() && !head.complete(), "nothing came");
  const bool any = !bytes.empty();
  while (!bytes.empty()) {
    const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size() - 1) + 1);
    const bool complete = head.complete();
    const std::string fault = head.fault();
    head.add(line);
    check(!complete || (head.complete() && head.fault() == fault), "trailers change nothing");
    bytes.remove_prefix(line.size());
  }
  check(head.begun() == any, "something came");
  check(head.status() < 1000, "a status has three digits");
  check(may_be_shown(head.phrase(), 80), "the phrase may be shown");
  check(may_be_shown(head.media_type(), 127), "the type may be shown");
  check(may_be_shown(head.fault(), 200), "the fault may be shown");
  check(head.location().find('\n') == std::string::npos, "the location is of one line");
  check(head.retry_after().find('\n') == std::string::npos, "Retry-After is of one line");
  for (const std::string* field :
       {&head.etag(), &head.last_modified(), &head.date(), &head.content_range()})
    check(may_be_shown(*field, 1024), "what is kept to compare may be shown");
  if (head.complete() && head.fault().empty())
    check(head.status() >= 200 || head.status() == 101, "interim answers are passed over");
  head.clear();
  check(!head.begun() && head.fault().empty(), "it is as new");
}
