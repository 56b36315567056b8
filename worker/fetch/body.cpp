// SPDX-License-Identifier: MIT
#include "worker/fetch/body.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "common/hex.hpp"
#include "worker/fetch/content_range.hpp"
#include "worker/fetch/media_type.hpp"
#include "worker/fetch/text.hpp"

namespace flagship::fetch {
namespace {

std::string joined(std::span<const std::string> texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

}  // namespace

void Body::begin(const v1::FetchRequest& request, const Settings& settings, Shards* shards) {
  discard();
  settings_ = &settings;
  shards_ = request.path().empty() ? nullptr : shards;
  max_bytes_ = request.limits().max_bytes();
  return_bytes_ = request.return_bytes();
  expected_sha256_ = request.expected_sha256();
  const bool keeps = !shards_ && !settings.compressed() && !request.path().empty();
  keep_from_ = keeps ? request.limits().keep_partial_bytes() : 0;
  if (keep_from_ > 0 || shards_) url_ = request.url();
  if (shards_) name_ = request.path();
  sink_.begin(shards_ ? shards_->scratch() : request.path(), settings.fields().fsync());
  if (keep_from_ > 0 && request.resume())
    partial_ = find_partial(request.path(), request.url(), keep_from_);
}

void Body::discard() {
  partial_.reset();
  unpublished_ = false;
  sink_.discard();
}

void Body::drop_partial() {
  if (partial_) remove_partial(*partial_);
  partial_.reset();
}

bool Body::continues(const ResponseHead& head) const {
  const auto range = parse_content_range(head.content_range());
  if (!range || range->first != partial_->size) return false;
  if (range->whole && range->last + 1 != *range->whole) return false;
  const bool counted = head.content_length() && !head.encoded();
  if (counted && *head.content_length() != range->length()) return false;
  const bool named = partial_->validator.starts_with('"') && !head.etag().empty();
  return !named || head.etag() == partial_->validator;
}

std::optional<Ending> Body::go_on(const ResponseHead& head) {
  const auto range = parse_content_range(head.content_range());
  if (max_bytes_ != 0 && range->last >= max_bytes_)
    return Ending{v1::TOO_LARGE,
                  byte_words(range->last + 1) + ", more than " + std::to_string(max_bytes_)};
  digest_.begin();
  decoder_.reset();
  looks_ = false;  // that was done
  Partial partial = std::move(*partial_);
  partial_.reset();
  const bool good =
      sink_.go_on(std::move(partial), [&](std::string_view bytes) { digest_.add(bytes); });
  return good ? std::nullopt : std::optional(Ending{v1::DISK, sink_.error()});
}

std::optional<Ending> Body::open(const ResponseHead& head) {
  partial_.reset();
  if (keep_from_ > 0) note_for_keeping(head);
  digest_.begin();
  decoder_.reset();
  looks_ = false;
  first_.clear();
  returned_.clear();
  if (settings_->compressed()) {
    if (auto ending = choose_decoder(head)) return ending;
  }
  if (!settings_->accepted().empty() && !is_returned()) {
    if (auto ending = wrong_type(head)) return ending;
  }
  if (decoder_ || head.encoded() || !head.content_length()) return std::nullopt;
  const std::uint64_t length = *head.content_length();
  if (max_bytes_ != 0 && length > max_bytes_)
    return Ending{v1::TOO_LARGE, byte_words(length) + ", more than " + std::to_string(max_bytes_)};
  sink_.expect(length);
  return std::nullopt;
}

// Small ones are not worth the trouble.
void Body::note_for_keeping(const ResponseHead& head) {
  if (head.content_length() && *head.content_length() <= keep_from_) return;
  sink_.may_be_kept(url_, validator_of(head));
}

std::optional<Ending> Body::choose_decoder(const ResponseHead& head) {
  const std::string& encoding = head.content_encoding();
  if (encoding.empty() || encoding == "identity") return std::nullopt;
  decoder_ = make_decoder(encoding);
  if (decoder_) return std::nullopt;
  return Ending{v1::PROTOCOL, "the body is encoded as nobody asked for: " + encoding};
}

std::optional<Ending> Body::wrong_type(const ResponseHead& head) {
  const bool readable = decoder_ || head.content_encoding().empty();
  typed_ = !head.media_type().empty();
  looks_ = readable;
  if (typed_ ? accepts(settings_->accepted(), head.media_type()) : looks_) return std::nullopt;
  return Ending{v1::WRONG_TYPE, (typed_ ? head.media_type() : "of no media type") + ", not " +
                                    joined(settings_->accepted())};
}

std::optional<Ending> Body::wrong_content() {
  looks_ = false;
  const std::string_view type = type_by_content(first_);
  if (content_contradicts(settings_->accepted(), first_))
    return Ending{v1::WRONG_TYPE,
                  std::string(type) + " by its first bytes, not " + joined(settings_->accepted())};
  if (type.empty() && !typed_)
    return Ending{v1::WRONG_TYPE, "of no media type, not " + joined(settings_->accepted())};
  return std::nullopt;
}

std::optional<Ending> Body::add(std::string_view bytes) {
  return decoder_ ? decode(bytes) : take(bytes);
}

std::optional<Ending> Body::decode(std::string_view bytes) {
  std::optional<Ending> ending;
  const auto state = decoder_->add(bytes, [&](std::string_view decoded) {
    ending = take(decoded);
    return !ending;
  });
  if (state == Decoder::State::malformed)
    return Ending{v1::PROTOCOL, "the body is not encoded as its head says"};
  return ending;
}

std::optional<Ending> Body::take(std::string_view bytes) {
  if (max_bytes_ != 0 && sink_.bytes() + bytes.size() > max_bytes_)
    return Ending{v1::TOO_LARGE, "more than " + byte_words(max_bytes_)};
  if (looks_) {
    first_ += bytes.substr(0, std::min(bytes.size(), kTellingBytes - first_.size()));
    if (first_.size() == kTellingBytes) {
      if (auto ending = wrong_content()) return ending;
    }
  }
  digest_.add(bytes);
  if (is_returned()) returned_ += bytes.substr(0, return_bytes_ - returned_.size());
  if (!sink_.add(bytes)) return Ending{v1::DISK, sink_.error()};
  return std::nullopt;
}

std::optional<Ending> Body::check() {
  if (decoder_ && !decoder_->complete())
    return Ending{v1::TRUNCATED, "the encoded body ends before its end"};
  if (looks_) {
    if (auto ending = wrong_content()) return ending;
  }
  sha256_ = digest_.finish();
  if (!expected_sha256_.empty() && sha256_ != expected_sha256_)
    return Ending{v1::BAD_CHECKSUM,
                  "its SHA-256 is " + to_hex(sha256_) + ", not " + to_hex(expected_sha256_)};
  return std::nullopt;
}

std::optional<Ending> Body::save(v1::FetchResult& result) {
  if (is_returned()) result.set_body(std::move(returned_));
  if (shards_) return save_in_shard(result);
  if (!sink_.complete()) return Ending{v1::DISK, sink_.error()};
  if (sink_.modified() != 0) result.set_modified(sink_.modified());
  unpublished_ = settings_->fields().fsync() == v1::FSYNC_BATCH;
  return unpublished_ ? std::nullopt : publish();
}

std::optional<Ending> Body::publish() {
  unpublished_ = false;
  if (!sink_.publish()) return Ending{v1::DISK, sink_.error()};
  return std::nullopt;
}

std::optional<Ending> Body::save_in_shard(v1::FetchResult& result) {
  const std::string note = note_in_shard(url_, result);
  const bool good = shards_->add(name_, sink_.bytes(), note,
                                 [&](const Shards::Take& take) { return sink_.read_back(take); });
  sink_.discard();
  if (!good) return Ending{v1::DISK, shards_->error()};
  result.set_shard(shards_->name());
  return std::nullopt;
}

}  // namespace flagship::fetch
