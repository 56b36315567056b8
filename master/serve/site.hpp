// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "master/serve/flags.hpp"
#include "master/serve/reply.hpp"

namespace flagship::serve {

/// Everything the server can say, made once at the start. It never changes, and no request reaches
/// the disk.
class Site {
 public:
  /// `statuses`: those that status() will be asked for.
  Site(const Flags& flags, const std::vector<int>& statuses);

  /// The flag at /flags/CC/CC.gif, whatever the query, or the 404.
  const Reply& find(std::string_view target) const;
  const Reply& status(int code) const { return statuses_.at(code); }
  const Reply& bad_request() const { return bad_request_; }
  const Reply& wrong_method() const { return wrong_method_; }

 private:
  std::array<std::optional<Reply>, 26 * 26> flags_;
  std::map<int, Reply> statuses_;
  Reply not_found_ = status_reply(404);
  Reply bad_request_ = status_reply(400);
  Reply wrong_method_ = status_reply(405, "Allow: GET, HEAD\r\n");
};

}  // namespace flagship::serve
