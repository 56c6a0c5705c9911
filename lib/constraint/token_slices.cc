#include "constraint/token_slices.h"

#include <array>

namespace lathe {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(CharKind::kNone) + 1;

}  // namespace

TokenSlices::TokenSlices(std::span<const Text> texts, std::size_t size) {
  std::array<std::array<std::vector<Text>, kKinds>, 2> apart;
  std::vector<std::vector<TokenId>> by_length(kLongest + 1);
  for (const Text& text : texts) {
    depth_ = std::max(depth_, text.first.size());
    CharKind kind = kind_of(text.first);
    const std::size_t length = count_characters(text.first);
    if (length > kLongest) kind = CharKind::kNone;
    if (kind != CharKind::kNone) by_length[length].push_back(text.second);
    std::size_t spaced = 0;
    if (kind != CharKind::kNone && text.first.size() > 1 && text.first.front() == ' ') {
      const CharKind behind = kind_of(text.first.substr(1));
      spaced = behind != kind ? 1 : 0;
      if (spaced != 0) kind = behind;
    }
    apart[spaced][static_cast<std::size_t>(kind)].push_back(text);
  }
  for (std::size_t spaced = 0; spaced < 2; ++spaced) {
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      std::vector<Text>& own = apart[spaced][kind];
      if (own.empty()) continue;
      TokenMask all(size);
      for (const Text& text : own) all.set(text.second);
      slices_.push_back(
          {static_cast<CharKind>(kind), spaced != 0, TokenTrie(std::move(own)), std::move(all)});
    }
  }
  runs_.emplace_back(size);
  for (std::size_t n = 1; n <= kLongest; ++n) {
    runs_.push_back(runs_.back());
    for (const TokenId id : by_length[n]) runs_.back().set(id);
  }
}

}  // namespace lathe
