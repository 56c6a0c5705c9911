// Texts of tokens as a tree of bytes, in the order in which a walk goes through it.
//
// A node is followed by its subtree, so that a walk is a loop over an array, with a jump where
// nothing below is wanted; the tokens below a node are one run of `tokens`. Immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

class TokenTrie {
 public:
  struct Node {
    std::uint32_t next = 0;    // behind the subtree
    std::uint32_t tokens = 0;  // the first of its own; they end where those of the next node begin
    std::uint16_t depth = 0;   // bytes from the root
    std::uint8_t byte = 0;     // the last of them
    std::uint8_t below = 0;    // bytes from here to the end of the longest text; 255 are more
  };

  TokenTrie() { end_node(); }
  // The texts are no longer than kMaxText; tokens of one text share a node. The empty text has the
  // root.
  explicit TokenTrie(std::vector<std::pair<std::string_view, TokenId>> texts);
  // What remains of the texts below some nodes of another trie, counted from there.
  TokenTrie(const TokenTrie& from, std::span<const std::uint32_t> nodes);

  static constexpr std::size_t kMaxText = 4096;

  // The root is the first; one beyond the last ends the runs of tokens.
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(nodes_.size()) - 1; }
  const Node& node(std::uint32_t i) const noexcept { return nodes_[i]; }
  std::span<const TokenId> tokens(std::uint32_t i) const noexcept {
    return std::span(tokens_).subspan(nodes_[i].tokens, nodes_[i + 1].tokens - nodes_[i].tokens);
  }
  // Tokens by their place in the order of the walk; `behind` is behind them.
  std::span<const TokenId> tokens_between(std::uint32_t first,
                                          std::uint32_t behind) const noexcept {
    return std::span(tokens_).subspan(first, behind - first);
  }
  std::size_t token_count() const noexcept { return tokens_.size(); }
  std::uint16_t depth() const noexcept { return depth_; }  // of the deepest
  std::size_t bytes() const noexcept {
    return nodes_.size() * sizeof(Node) + tokens_.size() * sizeof(TokenId);
  }

 private:
  void finish();
  void end_node();
  std::uint32_t open(std::uint8_t byte, std::size_t depth);
  void merge(const TokenTrie& from, std::span<const std::uint32_t> nodes, std::size_t depth);

  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;
  std::uint16_t depth_ = 0;
};

}  // namespace lathe
