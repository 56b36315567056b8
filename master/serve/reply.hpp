// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace flagship::serve {

/// An answer that is ready to send, any number of times.
struct Reply {
  std::string
      head;  // to the last header line; the Connection line, if any, and the blank one follow
  std::string body;
  bool final = true;  // false: 1xx, after which a client would wait for the real answer for ever
};

Reply image_reply(std::string image);

/// A status with a line of text that says it, or without a body where HTTP allows none.
Reply status_reply(int status, const std::string& header_lines = {});

}  // namespace flagship::serve
