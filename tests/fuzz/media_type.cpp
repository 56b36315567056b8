// SPDX-License-Identifier: MIT
// The first bytes of a body.
#include "worker/fetch/media_type.hpp"

#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

FUZZ_TARGET(media_type) {
  using flagship::fuzz::check;
  const std::vector<std::string> any{"*/*"}, images{"image/*"};
  const auto type = flagship::fetch::type_by_content(bytes);
  check(type.empty() || flagship::fetch::is_type_pattern(type), "what it tells is a type");
  check(!flagship::fetch::content_contradicts(any, bytes), "nothing contradicts everything");
  if (type.starts_with("image/"))
    check(!flagship::fetch::content_contradicts(images, bytes), "an image is an image");
  if (type.empty())
    check(!flagship::fetch::content_contradicts(images, bytes), "what is not known says nothing");
  flagship::fetch::accepts(images, bytes);
  flagship::fetch::is_type_pattern(bytes);
}
