// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace flagship::fetch {

/// Undoes a Content-Encoding, a piece at a time and in bounded memory. libcurl could, and calls a
/// stream complete that is cut off.
class Decoder {
 public:
  /// What came out; false: no more is wanted.
  using Out = std::function<bool(std::string_view)>;
  enum class State { good, malformed, unwanted };

  virtual ~Decoder() = default;
  virtual State add(std::string_view bytes, const Out& out) = 0;
  /// What has been added is a whole stream.
  virtual bool complete() const = 0;
};

/// What a request says that it can take.
inline constexpr const char* kAcceptEncoding = "Accept-Encoding: gzip, br, zstd";

/// `encoding`: gzip, br or zstd, in lower case; nullptr for any other.
std::unique_ptr<Decoder> make_decoder(std::string_view encoding);

}  // namespace flagship::fetch
