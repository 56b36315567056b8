// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;

namespace flagship::fetch {

/// Unpacks what gzip packed, piece by piece; several files, one behind the other, are one.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Hands what is in `bytes` to `take`, no more than 64 KiB at once, until that returns false;
  /// then so does this. Throws std::runtime_error, why it goes no further.
  bool add(std::string_view bytes, const std::function<bool(std::string_view)>& take);
  /// There is no more. Throws likewise when there should be.
  void finish() const;

 private:
  bool next_file(std::string_view& bytes);

  const std::unique_ptr<z_stream_s> stream_;
  bool within_ = false;  // a file
  bool began_ = false;
};

}  // namespace flagship::fetch
