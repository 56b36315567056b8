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

class TellingSource final : public Source {
 public:
  TellingSource(std::unique_ptr<Source> source, std::function<void(const Item&)> tell)
      : source_(std::move(source)), tell_(std::move(tell)) {}

  Next next() override {
    Next next = source_->next();
    const auto* item = std::get_if<Item>(&next);
    if (item != nullptr && !item->trouble.empty()) tell_(*item);
    return next;
  }
  std::optional<std::size_t> size() const override { return source_->size(); }
  std::optional<Expected> expected() const override { return source_->expected(); }

 private:
  const std::unique_ptr<Source> source_;
  const std::function<void(const Item&)> tell_;
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

std::unique_ptr<Source> telling_trouble(std::unique_ptr<Source> source,
                                        std::function<void(const Item&)> tell) {
  return std::make_unique<TellingSource>(std::move(source), std::move(tell));
}

}  // namespace flagship::fetch
