// SPDX-License-Identifier: MIT
#include "master/fetch/list_inflate.hpp"

#include <zlib.h>

#include <array>
#include <new>
#include <stdexcept>

namespace flagship::fetch {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr int kGzipOnly = 16 + MAX_WBITS;

std::unique_ptr<z_stream> open_stream() {
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), kGzipOnly) != Z_OK) throw std::bad_alloc();
  return stream;
}

}  // namespace

Inflater::Inflater() : stream_(open_stream()) {}

Inflater::~Inflater() { inflateEnd(stream_.get()); }

// Zeros may fill up the end, as on a tape. False: nothing but them is there.
bool Inflater::next_file(std::string_view& bytes) {
  if (began_) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
  if (bytes.empty()) return false;
  inflateReset(stream_.get());
  within_ = began_ = true;
  return true;
}

bool Inflater::add(std::string_view bytes, const std::function<bool(std::string_view)>& take) {
  std::array<char, kPiece> piece;
  while (within_ ? !bytes.empty() : next_file(bytes)) {
    // zlib does not write what it reads.
    stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_->avail_in = static_cast<uInt>(bytes.size());
    int state = Z_OK;
    do {
      stream_->next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_->avail_out = static_cast<uInt>(piece.size());
      state = inflate(stream_.get(), Z_NO_FLUSH);
      const std::size_t got = piece.size() - stream_->avail_out;
      if (got > 0 && !take({piece.data(), got})) return false;
      if (state == Z_MEM_ERROR) throw std::bad_alloc();
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
        throw std::runtime_error("what gzip packed is damaged");
    } while (state == Z_OK && stream_->avail_out == 0);
    bytes.remove_prefix(bytes.size() - stream_->avail_in);
    if (state == Z_STREAM_END) within_ = false;
  }
  return true;
}

void Inflater::finish() const {
  if (within_ || !began_) throw std::runtime_error("what gzip packed is cut short");
}

}  // namespace flagship::fetch
