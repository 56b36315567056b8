// SPDX-License-Identifier: MIT
#pragma once

#include <curl/curl.h>

#include <deque>
#include <string>
#include <vector>

namespace flagship::fetch {

/// The lines that a request has besides libcurl's own. `list()` is libcurl's to read until the next
/// change.
class RequestHeaders {
 public:
  void clear();
  /// `line`: "Name: value"; stays the caller's and where it is.
  void add_kept(const std::string& line);
  void add(std::string line);

  bool empty() const { return lines_.empty(); }
  /// nullptr: none.
  curl_slist* list();

 private:
  std::deque<std::string> own_;
  std::vector<const std::string*> lines_;
  std::vector<curl_slist> links_;
};

}  // namespace flagship::fetch
