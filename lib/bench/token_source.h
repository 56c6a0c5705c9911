// Token ids for measuring speed: pseudo-random, the same every time.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

// Ids from a small linear congruential generator (Knuth's MMIX constants).
class TokenSource {
 public:
  explicit TokenSource(std::int64_t vocab) : vocab_(static_cast<std::uint64_t>(vocab)) {}

  std::uint64_t below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

  TokenId next() { return static_cast<TokenId>(below(vocab_)); }
  std::vector<TokenId> next(std::int64_t count) {
    std::vector<TokenId> ids(static_cast<std::size_t>(count));
    for (TokenId& id : ids) id = next();
    return ids;
  }

 private:
  std::uint64_t state_ = 1;
  std::uint64_t vocab_;
};

}  // namespace lathe
