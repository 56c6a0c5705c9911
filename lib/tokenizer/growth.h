// How much longer the steps of a tokenizer may make a text.
//
// Real ones turn a space into three bytes or a byte into two. Files can also say "a becomes ten
// a's" twelve times over: such a chain ends in an error before its result is in memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

class Growth {
 public:
  static constexpr std::size_t kTimes = 64;
  static constexpr std::size_t kFree = std::size_t{1} << 16;

  // `bytes`: of the text as it came.
  explicit Growth(std::size_t bytes = 0) noexcept : left_(kFree) { allow(bytes); }

  // So many bytes more have come.
  void allow(std::size_t bytes) noexcept { left_ += bytes * kTimes; }

  // A text is about to become `bytes` longer. Throws kLimit when that is more than is allowed.
  void take(std::size_t bytes) {
    if (bytes > left_) {
      fail(ErrorCode::kLimit, "the tokenizer's rules make the text more than {} times as long",
           kTimes);
    }
    left_ -= bytes;
  }

  // `from` bytes have become, or are about to become, `to`.
  void change(std::size_t from, std::size_t to) {
    if (to > from) take(to - from);
  }

 private:
  std::size_t left_;
};

// The most steps that a normalizer, a pre-tokenizer or a decoder may have; real ones have a few.
inline constexpr std::size_t kMaxSteps = 64;

// Throws kLimit when `what` of `file` has more.
inline void check_steps(std::size_t steps, std::string_view what, const std::string& file) {
  if (steps > kMaxSteps) {
    fail(ErrorCode::kLimit, "{}: the {} has more than {} steps", quoted(file), what, kMaxSteps);
  }
}

}  // namespace lathe
