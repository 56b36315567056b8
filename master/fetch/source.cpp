// SPDX-License-Identifier: MIT
#include "master/fetch/source.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace flagship::fetch {
namespace {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

class CodeSource final : public Source {
 public:
  CodeSource(Codes codes, std::string url_template)
      : codes_(codes.begin(), codes.end()), template_(std::move(url_template)) {}

  Next next() override {
    if (at_ == codes_.size()) return AtEnd{};
    const std::string& code = codes_[at_];
    return Item{at_++, code, fill_in(template_, code), {}, {}};
  }
  std::optional<std::size_t> size() const override { return codes_.size(); }

 private:
  const std::vector<std::string> codes_;
  const std::string template_;
  std::size_t at_ = 0;
};

}  // namespace

std::string fill_in(const std::string& url_template, const std::string& code) {
  std::string lower = code;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return replaced(replaced(replaced(url_template, "{cc}", lower), "{CC}", code), "{key}", code);
}

std::unique_ptr<Source> from_codes(Codes codes, std::string url_template) {
  return std::make_unique<CodeSource>(std::move(codes), std::move(url_template));
}

}  // namespace flagship::fetch
