// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace flagship::fetch {

/// SHA-256 of what it is fed, begun again and again without allocating.
class Digest {
 public:
  Digest();
  void begin();
  void add(std::string_view bytes);
  /// The 32 bytes; `begin()` comes next.
  std::string finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace flagship::fetch
