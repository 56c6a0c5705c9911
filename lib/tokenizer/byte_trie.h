// A trie over bytes: the longest of a few thousand strings at a place in a text.
//
// Immutable once built; nodes are a first-child/next-sibling list, with a table for the
// first byte, because almost every place of a text fails there.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/fail.h"

namespace lathe {

class ByteTrie {
 public:
  ByteTrie() { roots_.fill(-1); }

  bool empty() const noexcept { return nodes_.empty(); }

  // `value` >= 0; a key that is there already keeps its first value.
  void insert(std::string_view key, std::int32_t value);

  struct Match {
    std::size_t size = 0;  // 0: nothing
    std::int32_t value = -1;
    std::size_t walked = 0;  // nodes that were looked at
  };
  // The longest key that `text` begins with and `accept(value)` holds for.
  template <typename Accept>
  Match longest(std::string_view text, Accept&& accept) const {
    Match match;
    if (text.empty()) return match;
    std::int32_t node = roots_[static_cast<std::uint8_t>(text[0])];
    for (std::size_t depth = 1; node >= 0; ++depth) {
      const Node& at = nodes_[static_cast<std::size_t>(node)];
      ++match.walked;
      if (at.value >= 0 && accept(at.value)) {
        match.size = depth;
        match.value = at.value;
      }
      if (depth == text.size()) break;
      node = at.child;
      const auto byte = static_cast<std::uint8_t>(text[depth]);
      while (node >= 0 && nodes_[static_cast<std::size_t>(node)].byte != byte) {
        node = nodes_[static_cast<std::size_t>(node)].sibling;
        ++match.walked;
      }
    }
    return match;
  }
  Match longest(std::string_view text) const {
    return longest(text, [](std::int32_t) { return true; });
  }

  // The first place at or after `from` where a key could begin (by its first byte), or the end.
  std::size_t next_start(std::string_view text, std::size_t from) const noexcept {
    while (from < text.size() && roots_[static_cast<std::uint8_t>(text[from])] < 0) ++from;
    return from;
  }

 private:
  struct Node {
    std::int32_t child = -1;
    std::int32_t sibling = -1;
    std::int32_t value = -1;
    std::uint8_t byte = 0;
  };
  std::array<std::int32_t, 256> roots_;
  std::vector<Node> nodes_;
};

// Bounds what the searches in one text may cost together: a key of many equal bytes is begun in
// vain at every place of a text of these bytes.
class TrieWork {
 public:
  explicit TrieWork(std::size_t bytes) noexcept : left_((bytes << 7) + (std::size_t{1} << 14)) {}

  // Throws kLimit.
  void take(std::size_t walked) {
    if (walked > left_) {
      fail(ErrorCode::kLimit, "too many of the tokenizer's added tokens begin as this text does");
    }
    left_ -= walked;
  }

 private:
  std::size_t left_;
};

}  // namespace lathe
