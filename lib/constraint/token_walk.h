// Walks through tokens from a place of a grammar: which of them can be read there.
//
// Belongs to one thread. Errors: as Recognizer.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "constraint/open_states.h"
#include "constraint/recognizer.h"
#include "constraint/token_mask.h"
#include "constraint/token_slices.h"

namespace lathe {

// Tokens of one trie, as ranges in the order of its walk.
class TokenRanges {
 public:
  void add(std::uint32_t first, std::uint32_t behind) {
    if (first == behind) return;
    count_ += behind - first;
    if (!ranges_.empty() && ranges_.back().second == first) {
      ranges_.back().second = behind;
    } else {
      ranges_.emplace_back(first, behind);
    }
  }
  std::size_t count() const noexcept { return count_; }
  // Sets their bits, and leaves the others.
  void put(const TokenTrie& trie, TokenMask& mask) const noexcept;
  // The same, where no token of the slice is set.
  void put(const TokenSlice& slice, TokenMask& mask) const noexcept;
  void append_to(std::vector<TokenId>& list, const TokenTrie& trie) const;

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
  std::size_t count_ = 0;
};

class TokenWalk {
 public:
  explicit TokenWalk(Recognizer& recognizer)
      : recognizer_(recognizer), open_(recognizer.program()) {}

  // Tokens of a slice, or of another trie with rests of its tokens (which are never behind a
  // space).
  TokenRanges all(const TokenSlice& slice, ConfigId from) {
    return below(slice.trie, 0, from, slice.kind, slice.spaced);
  }
  // Tokens below a node, from the node on.
  TokenRanges below(const TokenTrie& trie, std::uint32_t node, ConfigId from, CharKind kind,
                    bool spaced);
  // The same from the root, and calls for each node at which what began outside may end; it
  // returns false to break off.
  template <typename End>
  TokenRanges with_ends(const TokenSlice& slice, ConfigId from, End&& end) {
    return walk(slice.trie, 0, from, slice.kind, slice.spaced, true, end);
  }
  // After recognizer.forget(): configurations have other numbers.
  void forget() { known_.clear(); }
  std::size_t bytes() const noexcept { return known_.size() * sizeof(known_[0]); }

 private:
  template <typename End>
  TokenRanges walk(const TokenTrie& trie, std::uint32_t root, ConfigId from, CharKind kind,
                   bool spaced, bool ends, End&& end);
  // How many characters of a kind can be read at a place, whichever they are.
  std::uint8_t open_length(ConfigId at, CharKind kind);
  std::uint8_t find_open_length(ConfigId at, CharKind kind, int depth);

  // A length, and whether it is known.
  struct Known {
    std::array<std::uint8_t, static_cast<std::size_t>(CharKind::kNone)> length{};
    std::uint8_t kinds = 0;
  };

  Recognizer& recognizer_;
  OpenStates open_;
  std::vector<ConfigId> path_;
  std::vector<Known> known_;  // by place
};

template <typename End>
TokenRanges TokenWalk::walk(const TokenTrie& trie, std::uint32_t root, ConfigId from, CharKind kind,
                            bool spaced, bool ends, End&& end) {
  TokenRanges out;
  path_.resize(std::size_t{trie.depth()} + 1);
  const std::uint32_t behind = trie.node(root).next;
  path_[trie.node(root).depth] = from;
  const bool closed = (spaced && root == 0) || (ends && recognizer_.complete(from));
  if (!closed && open_length(from, kind) >= trie.node(root).below) {
    out.add(trie.node(root + 1).tokens, trie.node(behind).tokens);
    return out;
  }
  for (std::uint32_t i = root + 1; i < behind;) {
    const TokenTrie::Node& node = trie.node(i);
    const ConfigId to = recognizer_.step(path_[node.depth - 1u], node.byte);
    if (to == Recognizer::kDead) {
      i = node.next;
      continue;
    }
    path_[node.depth] = to;
    const bool ends_here = ends && recognizer_.complete(to);
    if (ends_here && !end(i)) return out;
    if (!ends_here && node.next > i + 1 && open_length(to, kind) >= node.below) {
      out.add(node.tokens, trie.node(node.next).tokens);
      i = node.next;
      continue;
    }
    out.add(node.tokens, trie.node(i + 1).tokens);
    i = recognizer_.goes_on(to) ? i + 1 : node.next;
  }
  return out;
}

}  // namespace lathe
