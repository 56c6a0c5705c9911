// Which tokens may come, a bit each.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lathe/tokenizer.h"

namespace lathe {

class TokenMask {
 public:
  explicit TokenMask(std::size_t tokens) : words_((tokens + 63) / 64, 0) {}

  void set(TokenId id) noexcept {
    words_[static_cast<std::size_t>(id) / 64] |= std::uint64_t{1} << (id % 64);
  }
  void clear(TokenId id) noexcept {
    words_[static_cast<std::size_t>(id) / 64] &= ~(std::uint64_t{1} << (id % 64));
  }
  bool has(TokenId id) const noexcept {
    const auto word = static_cast<std::size_t>(id) / 64;
    return id >= 0 && word < words_.size() && (words_[word] >> (id % 64) & 1) != 0;
  }
  void add(const TokenMask& other) noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  // Counts them, when all are set.
  void end() noexcept {
    count_ = 0;
    for (const std::uint64_t word : words_) count_ += static_cast<std::size_t>(std::popcount(word));
  }
  std::size_t count() const noexcept { return count_; }
  // The first one; -1 where none is.
  TokenId first() const noexcept {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i] != 0) {
        return static_cast<TokenId>(i * 64 + static_cast<std::size_t>(std::countr_zero(words_[i])));
      }
    }
    return -1;
  }
  // Logits of the others, and those beyond the vocabulary, become -infinity.
  void apply(std::span<float> logits) const noexcept {
    constexpr float kNever = -std::numeric_limits<float>::infinity();
    for (std::size_t first = 0; first < logits.size(); first += 64) {
      const std::uint64_t word = first / 64 < words_.size() ? words_[first / 64] : 0;
      const std::size_t n = std::min<std::size_t>(64, logits.size() - first);
      if (word == 0) {
        std::fill_n(logits.data() + first, n, kNever);
      } else if (word != std::numeric_limits<std::uint64_t>::max()) {
        for (std::size_t i = 0; i < n; ++i) {
          if ((word >> i & 1) == 0) logits[first + i] = kNever;
        }
      }
    }
  }
  std::size_t bytes() const noexcept { return words_.size() * sizeof(std::uint64_t); }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t count_ = 0;
};

}  // namespace lathe
