// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "worker/fetch/decoder.hpp"
#include "worker/fetch/digest.hpp"
#include "worker/fetch/ending.hpp"
#include "worker/fetch/file_sink.hpp"
#include "worker/fetch/partial.hpp"
#include "worker/fetch/response_head.hpp"
#include "worker/fetch/settings.hpp"
#include "worker/fetch/shards.hpp"

namespace flagship::fetch {

/// The body of a wanted answer on its way from the wire into a file: decoded if that was asked for,
/// counted, looked at, hashed. Used again and again.
class Body {
 public:
  explicit Body(BufferBudget& budget) : sink_(budget) {}

  /// For one request; the settings have to stay, and so have the shards, if there are any.
  void begin(const v1::FetchRequest& request, const Settings& settings, Shards* shards);
  /// What is there of it from an attempt before; nothing: ask for all of it.
  const std::optional<Partial>& partial() const { return partial_; }
  /// Whether a 206 with this head is the rest of that.
  bool continues(const ResponseHead& head) const;
  /// It comes. As `open`.
  std::optional<Ending> go_on(const ResponseHead& head);
  /// It is of no use.
  void drop_partial();
  /// An answer comes. What is wrong with it by its head; nothing: its body may come.
  std::optional<Ending> open(const ResponseHead& head);
  /// What comes over the wire. What is wrong with it; nothing: go on.
  std::optional<Ending> add(std::string_view bytes);
  /// It came to its end. What is wrong with all of it; nothing: it may be saved, and `sha256()` is
  /// its sum.
  std::optional<Ending> check();
  /// `result`: what is to be told of it in a shard.
  std::optional<Ending> save(v1::FetchResult& result);
  /// With FSYNC_BATCH it has no final name yet.
  bool unpublished() const { return unpublished_; }
  std::optional<Ending> publish();
  std::string folder() const { return sink_.folder(); }
  /// It was cut off. False: nothing can be kept of it.
  bool keep() { return keep_from_ > 0 && sink_.keep(keep_from_); }
  /// It is not wanted any more; nothing of it is left.
  void discard();

  /// It comes back in the result, whatever it is.
  bool is_returned() const { return return_bytes_ > 0; }

  /// As stored.
  std::uint64_t bytes() const { return sink_.bytes(); }
  const std::string& sha256() const { return sha256_; }

 private:
  void note_for_keeping(const ResponseHead& head);
  std::optional<Ending> save_in_shard(v1::FetchResult& result);
  std::optional<Ending> wrong_type(const ResponseHead& head);
  std::optional<Ending> wrong_content();
  std::optional<Ending> choose_decoder(const ResponseHead& head);
  std::optional<Ending> decode(std::string_view bytes);
  std::optional<Ending> take(std::string_view bytes);

  const Settings* settings_ = nullptr;
  Shards* shards_ = nullptr;
  std::string url_, name_;
  std::uint64_t max_bytes_ = 0;
  std::uint64_t keep_from_ = 0;  // bytes; 0: nothing is kept
  std::optional<Partial> partial_;
  bool unpublished_ = false;
  std::size_t return_bytes_ = 0;
  std::string returned_;
  std::string expected_sha256_, sha256_;
  std::unique_ptr<Decoder> decoder_;
  bool looks_ = false;  // at the first bytes, which are not all there yet
  bool typed_ = false;  // by its head
  std::string first_;
  Digest digest_;
  FileSink sink_;
};

}  // namespace flagship::fetch
