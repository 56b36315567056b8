// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "worker/fetch/decoder.hpp"
#include "worker/fetch/digest.hpp"
#include "worker/fetch/ending.hpp"
#include "worker/fetch/file_sink.hpp"
#include "worker/fetch/response_head.hpp"
#include "worker/fetch/settings.hpp"

namespace flagship::fetch {

/// The body of a wanted answer on its way from the wire into a file: decoded if that was asked for,
/// counted, looked at, hashed. Used again and again.
class Body {
 public:
  explicit Body(BufferBudget& budget) : sink_(budget) {}

  /// For one request; the settings have to stay.
  void begin(const v1::FetchRequest& request, const Settings& settings);
  /// An answer comes. What is wrong with it by its head; nothing: its body may come.
  std::optional<Ending> open(const ResponseHead& head);
  /// What comes over the wire. What is wrong with it; nothing: go on.
  std::optional<Ending> add(std::string_view bytes);
  /// It came to its end. What is wrong with all of it; nothing: it is saved, and `sha256()` its
  /// sum.
  std::optional<Ending> save();
  /// It is not wanted any more; nothing of it is left.
  void discard() { sink_.discard(); }

  /// As stored.
  std::uint64_t bytes() const { return sink_.bytes(); }
  const std::string& sha256() const { return sha256_; }

 private:
  std::optional<Ending> wrong_type(const ResponseHead& head);
  std::optional<Ending> wrong_content();
  std::optional<Ending> choose_decoder(const ResponseHead& head);
  std::optional<Ending> decode(std::string_view bytes);
  std::optional<Ending> take(std::string_view bytes);

  const Settings* settings_ = nullptr;
  std::uint64_t max_bytes_ = 0;
  std::string expected_sha256_, sha256_;
  std::unique_ptr<Decoder> decoder_;
  bool looks_ = false;  // at the first bytes, which are not all there yet
  bool typed_ = false;  // by its head
  std::string first_;
  Digest digest_;
  FileSink sink_;
};

}  // namespace flagship::fetch
