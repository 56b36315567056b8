// SPDX-License-Identifier: MIT
#include "worker/fetch/decoder.hpp"

#include <brotli/decode.h>
#define ZLIB_CONST  // what is read is not written to
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace flagship::fetch {
namespace {

constexpr std::size_t kPiece = 16 * 1024;
// What RFC 9659 lets a server use: 8 MiB.
constexpr int kZstdWindowLog = 23;
constexpr std::size_t kMagicBytes = 4;

class Gzip : public Decoder {
 public:
  Gzip() {
    constexpr int kGzipOnly = 16 + MAX_WBITS;
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~Gzip() override { inflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;

  State add(std::string_view bytes, const Out& out) override {
    stream_.next_in = reinterpret_cast<const Bytef*>(bytes.data());
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      if (ended_ && !begin_next_member()) return State::good;
      stream_.next_out = piece_.data();
      stream_.avail_out = static_cast<uInt>(piece_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return State::malformed;
      ended_ = result == Z_STREAM_END;
      const std::size_t made = piece_.size() - stream_.avail_out;
      if (made > 0 && !out({reinterpret_cast<const char*>(piece_.data()), made}))
        return State::unwanted;
    } while (stream_.avail_in > 0 || stream_.avail_out == 0);
    return State::good;
  }

  bool complete() const override { return ended_; }

 private:
  // A gzip file may be several, one behind the other.
  bool begin_next_member() {
    if (stream_.avail_in == 0) return false;
    inflateReset(&stream_);
    ended_ = false;
    return true;
  }

  z_stream stream_{};
  bool ended_ = false;
  std::array<Bytef, kPiece> piece_;
};

class Brotli : public Decoder {
 public:
  Brotli() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state_) throw std::bad_alloc();
  }

  State add(std::string_view bytes, const Out& out) override {
    const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    for (;;) {
      if (complete()) return left == 0 ? State::good : State::malformed;
      std::uint8_t* next = piece_.data();
      std::size_t room = piece_.size();
      const auto result =
          BrotliDecoderDecompressStream(state_.get(), &left, &in, &room, &next, nullptr);
      if (result == BROTLI_DECODER_RESULT_ERROR) return State::malformed;
      const std::size_t made = piece_.size() - room;
      if (made > 0 && !out({reinterpret_cast<const char*>(piece_.data()), made}))
        return State::unwanted;
      if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT) return State::good;
    }
  }

  bool complete() const override { return BrotliDecoderIsFinished(state_.get()) != 0; }

 private:
  struct Free {
    void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
  };
  std::unique_ptr<BrotliDecoderState, Free> state_;
  std::array<std::uint8_t, kPiece> piece_;
};

class Zstd : public Decoder {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  // A frame's first bytes one by one: libzstd would take formats from before 1.0, which it reads
  // with code that is as old, if it saw their four bytes at once.
  State add(std::string_view bytes, const Out& out) override {
    ZSTD_inBuffer in{bytes.data(), 0, 0};
    ZSTD_outBuffer made{piece_.data(), piece_.size(), 0};
    do {
      made.pos = 0;
      const std::size_t before = in.pos;
      in.size = seen_ < kMagicBytes ? std::min(before + 1, bytes.size()) : bytes.size();
      const std::size_t wanted = ZSTD_decompressStream(stream_.get(), &made, &in);
      if (ZSTD_isError(wanted)) return State::malformed;
      complete_ = wanted == 0;
      seen_ = complete_ ? 0 : seen_ + in.pos - before;
      if (made.pos > 0 && !out({piece_.data(), made.pos})) return State::unwanted;
    } while (in.pos < bytes.size() || (made.pos == made.size && !complete_));
    return State::good;
  }

  bool complete() const override { return complete_; }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool complete_ = false;
  std::size_t seen_ = 0;  // of this frame
  std::array<char, kPiece> piece_;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(std::string_view encoding) {
  if (encoding == "gzip" || encoding == "x-gzip") return std::make_unique<Gzip>();
  if (encoding == "br") return std::make_unique<Brotli>();
  if (encoding == "zstd") return std::make_unique<Zstd>();
  return nullptr;
}

}  // namespace flagship::fetch
