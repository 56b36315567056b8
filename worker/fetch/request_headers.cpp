// SPDX-License-Identifier: MIT
#include "worker/fetch/request_headers.hpp"

#include <cstddef>
#include <utility>

namespace flagship::fetch {

void RequestHeaders::clear() {
  own_.clear();
  lines_.clear();
}

void RequestHeaders::add_kept(const std::string& line) { lines_.push_back(&line); }

void RequestHeaders::add(std::string line) {
  own_.push_back(std::move(line));
  lines_.push_back(&own_.back());
}

// Chained here and not by curl_slist_append(), which copies each line. libcurl only reads them.
curl_slist* RequestHeaders::list() {
  links_.clear();
  links_.reserve(lines_.size());
  for (const std::string* line : lines_)
    links_.push_back({const_cast<char*>(line->c_str()), nullptr});
  for (std::size_t i = 1; i < links_.size(); ++i) links_[i - 1].next = &links_[i];
  return links_.empty() ? nullptr : links_.data();
}

}  // namespace flagship::fetch
