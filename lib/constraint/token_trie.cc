#include "constraint/token_trie.h"

#include <algorithm>
#include <array>

namespace lathe {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, TokenId>> texts) {
  std::sort(texts.begin(), texts.end());
  std::vector<std::uint32_t> path{open(0, 0)};  // nodes of the text before
  std::string_view before;
  for (const auto& [text, id] : texts) {
    const auto same = static_cast<std::size_t>(
        std::mismatch(before.begin(), before.end(), text.begin(), text.end()).second -
        text.begin());
    for (; path.size() > same + 1; path.pop_back()) {
      nodes_[path.back()].next = static_cast<std::uint32_t>(nodes_.size());
    }
    for (std::size_t i = same; i < text.size(); ++i) {
      path.push_back(open(static_cast<std::uint8_t>(text[i]), i + 1));
    }
    tokens_.push_back(id);
    before = text;
  }
  for (const std::uint32_t node : path) {
    nodes_[node].next = static_cast<std::uint32_t>(nodes_.size());
  }
  finish();
}

TokenTrie::TokenTrie(const TokenTrie& from, std::span<const std::uint32_t> nodes) {
  open(0, 0);
  merge(from, nodes, 0);
  nodes_[0].next = static_cast<std::uint32_t>(nodes_.size());
  finish();
}

void TokenTrie::finish() {
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    for (std::size_t at = i + 1; at < nodes_[i].next; at = nodes_[at].next) {
      const int below = std::min(255, nodes_[at].below + 1);
      nodes_[i].below = std::max(nodes_[i].below, static_cast<std::uint8_t>(below));
    }
  }
  end_node();
}

void TokenTrie::end_node() {
  nodes_.push_back({static_cast<std::uint32_t>(nodes_.size()),
                    static_cast<std::uint32_t>(tokens_.size()), 0, 0, 0});
}

std::uint32_t TokenTrie::open(std::uint8_t byte, std::size_t depth) {
  depth_ = std::max(depth_, static_cast<std::uint16_t>(depth));
  nodes_.push_back(
      {0, static_cast<std::uint32_t>(tokens_.size()), static_cast<std::uint16_t>(depth), byte, 0});
  return static_cast<std::uint32_t>(nodes_.size() - 1);
}

// The children of `nodes`, byte by byte. Recursion is as deep as texts are long.
void TokenTrie::merge(const TokenTrie& from, std::span<const std::uint32_t> nodes,
                      std::size_t depth) {
  std::vector<std::pair<std::uint8_t, std::uint32_t>> children;
  for (const std::uint32_t node : nodes) {
    for (std::uint32_t at = node + 1; at < from.nodes_[node].next; at = from.nodes_[at].next) {
      children.emplace_back(from.nodes_[at].byte, at);
    }
  }
  std::sort(children.begin(), children.end());
  std::vector<std::uint32_t> same;
  for (std::size_t i = 0; i < children.size();) {
    const std::uint8_t byte = children[i].first;
    same.clear();
    const std::uint32_t node = open(byte, depth + 1);
    for (; i < children.size() && children[i].first == byte; ++i) {
      same.push_back(children[i].second);
      const std::span<const TokenId> own = from.tokens(children[i].second);
      tokens_.insert(tokens_.end(), own.begin(), own.end());
    }
    merge(from, same, depth + 1);
    nodes_[node].next = static_cast<std::uint32_t>(nodes_.size());
  }
}

}  // namespace lathe
