// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/os/unique_fd.hpp"
#include "flagship/v1/fetch.pb.h"
#include "worker/fetch/response_head.hpp"

// Bodies that were cut off, and are kept for an attempt that asks for the rest: the beginning in
// ".flagship-kept-HASH.part" beside the final name, and whose it is in ".flagship-kept-HASH.note".
// Any worker finds them by the final name.
namespace flagship::fetch {

/// Open, and nobody else's as long as it is.
struct Partial {
  UniqueFd file;  // written at its end
  std::string data_file, note_file;
  std::uint64_t size = 0;
  std::string validator;
};

/// What If-Range takes to mean exactly this body: a strong ETag, or else a time of its last change
/// that is surely not the time of this very second. Empty: the server names neither.
std::string validator_of(const ResponseHead& head);

/// The one that was kept of `url` for the file `path`; nothing when there is none of at least
/// `least` bytes, or none that can be trusted.
std::optional<Partial> find_partial(const std::string& path, std::string_view url,
                                    std::uint64_t least);

/// A new, empty one; nothing when that cannot be, for instance because somebody has it.
std::optional<Partial> begin_partial(const std::string& path, std::string_view url,
                                     std::string_view validator);

/// Takes both files away.
void remove_partial(const Partial& partial);

}  // namespace flagship::fetch
