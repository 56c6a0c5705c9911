#include "constraint/token_walk.h"

#include <algorithm>

namespace lathe {

void TokenRanges::put(const TokenTrie& trie, TokenMask& mask) const noexcept {
  for (const auto& [first, behind] : ranges_) {
    for (const TokenId id : trie.tokens_between(first, behind)) mask.set(id);
  }
}

void TokenRanges::put(const TokenSlice& slice, TokenMask& mask) const noexcept {
  const auto all = static_cast<std::uint32_t>(slice.trie.token_count());
  if (2 * count_ < all) {
    put(slice.trie, mask);
    return;
  }
  mask.add(slice.all);
  std::uint32_t at = 0;
  const auto clear = [&](std::uint32_t behind) {
    for (const TokenId id : slice.trie.tokens_between(at, behind)) mask.clear(id);
  };
  for (const auto& [first, behind] : ranges_) {
    clear(first);
    at = behind;
  }
  clear(all);
}

void TokenRanges::append_to(std::vector<TokenId>& list, const TokenTrie& trie) const {
  for (const auto& [first, behind] : ranges_) {
    const auto tokens = trie.tokens_between(first, behind);
    list.insert(list.end(), tokens.begin(), tokens.end());
  }
}

TokenRanges TokenWalk::below(const TokenTrie& trie, std::uint32_t node, ConfigId from,
                             CharKind kind, bool spaced) {
  return walk(trie, node, from, kind, spaced, false, [](std::uint32_t) { return true; });
}

std::uint8_t TokenWalk::open_length(ConfigId at, CharKind kind) {
  if (kind == CharKind::kNone) return 0;
  if (known_.size() <= at) known_.resize(std::size_t{at} + 256);
  const auto k = static_cast<std::size_t>(kind);
  if ((known_[at].kinds >> k & 1) == 0) {
    const std::uint8_t length = find_open_length(at, kind, 0);
    known_[at].length[k] = length;
    known_[at].kinds = static_cast<std::uint8_t>(known_[at].kinds | 1 << k);
  }
  return known_[at].length[k];
}

std::uint8_t TokenWalk::find_open_length(ConfigId at, CharKind kind, int depth) {
  const Program& program = recognizer_.program();
  std::uint8_t longest = 0;
  for (const Item& item : recognizer_.items(at)) {
    std::uint8_t length = open_.length(item.state, kind);
    const Loop& loop = program.loops[program.states[item.state].loop];
    if (program.states[item.state].loop != 0 && loop.max != kUnbounded) {
      const std::uint32_t left = loop.max - std::min(loop.max, item.counter);
      length = static_cast<std::uint8_t>(std::min<std::uint32_t>(length, left > 2 ? left - 2 : 0));
    }
    longest = std::max(longest, length);
  }
  constexpr int kDeepest = 40;  // no token of one kind has more characters
  if (longest == OpenStates::kEndless || depth == kDeepest) return longest;
  const std::optional<ConfigId> behind = after_any(recognizer_, at, kind);
  if (!behind) return longest;
  if (*behind == at) return OpenStates::kEndless;
  const auto k = static_cast<std::size_t>(kind);
  const bool known = known_.size() > *behind && (known_[*behind].kinds >> k & 1) != 0;
  const std::uint8_t length =
      known ? known_[*behind].length[k] : find_open_length(*behind, kind, depth + 1);
  return std::max(longest,
                  length == OpenStates::kEndless ? length : static_cast<std::uint8_t>(length + 1));
}

}  // namespace lathe
