// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace flagship::fetch {

/// A text with places in it that something is put into, like "https://host/{id}.gif".
class Pattern {
 public:
  explicit Pattern(std::string_view text);

  /// The names of its places, each once, in their order.
  const std::vector<std::string>& places() const { return places_; }

  /// `value_of(place, first)` gives what belongs into a place; `first`: nothing stands before it.
  std::string fill(
      const std::function<std::string(const std::string& place, bool first)>& value_of) const;

 private:
  struct Piece {
    std::string text;  // or the name of a place
    bool place = false;
  };
  std::vector<Piece> pieces_;
  std::vector<std::string> places_;
};

/// All but letters, digits and "-._~" as %XX: what may stand anywhere in a URL.
std::string percent_encoded(std::string_view text);

}  // namespace flagship::fetch
