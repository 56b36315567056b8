// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace flagship::fetch {

/// A list of small integers whose links lie in a table of the caller's: nothing is allocated, and
/// each is in one list at most.
class IdList {
 public:
  using Id = std::uint32_t;
  static constexpr Id kNone = std::numeric_limits<Id>::max();
  struct Links {
    Id before = kNone;
    Id behind = kNone;
  };

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Id first() const { return first_; }
  Id last() const { return last_; }

  template <class Table>
  void push_back(Table& table, Id id) {
    table[id].before = last_;
    table[id].behind = kNone;
    (last_ == kNone ? first_ : table[last_].behind) = id;
    last_ = id;
    ++size_;
  }
  template <class Table>
  void push_front(Table& table, Id id) {
    table[id].before = kNone;
    table[id].behind = first_;
    (first_ == kNone ? last_ : table[first_].before) = id;
    first_ = id;
    ++size_;
  }
  template <class Table>
  void remove(Table& table, Id id) {
    const Links links = table[id];
    (links.before == kNone ? first_ : table[links.before].behind) = links.behind;
    (links.behind == kNone ? last_ : table[links.behind].before) = links.before;
    --size_;
  }

 private:
  Id first_ = kNone;
  Id last_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace flagship::fetch
