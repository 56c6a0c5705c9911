// Zero points packed in lines of words, low bits first and without gaps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lathe {

class WordZeros {
 public:
  // `line_step`, `word_step`: words from one line, or word of a line, to the next. `add`: to each,
  // modulo 2^bits.
  WordZeros(std::span<const std::byte> bytes, int bits, std::int64_t line_step, int add,
            std::int64_t word_step = 1) noexcept
      : bytes_(bytes),
        bits_(bits),
        line_step_(line_step),
        word_step_(word_step),
        add_(static_cast<std::uint32_t>(add)) {}

  float at(std::int64_t line, std::int64_t index) const noexcept {
    const std::int64_t bit = index * bits_;
    const int from = static_cast<int>(bit % 32);
    const std::int64_t at = line * line_step_ + bit / 32 * word_step_;
    std::uint32_t code = word(at) >> from;
    if (from + bits_ > 32) code |= word(at + word_step_) << (32 - from);
    return static_cast<float>((code + add_) & ((1u << bits_) - 1u));
  }

  // Whether every one is 2^(bits - 1), where a word holds whole ones; else false.
  bool all_in_the_middle() const noexcept {
    if (32 % bits_ != 0) return false;
    const std::uint32_t middle = (1u << (bits_ - 1)) - add_;
    std::uint32_t all = 0;
    for (int at = 0; at < 32; at += bits_) all |= middle << at;
    std::uint32_t differs = 0;
    const auto words = static_cast<std::int64_t>(bytes_.size() / 4);
    for (std::int64_t i = 0; i < words; ++i) differs |= word(i) ^ all;
    return differs == 0;
  }

 private:
  std::uint32_t word(std::int64_t index) const noexcept {
    std::uint32_t value;
    std::memcpy(&value, bytes_.data() + 4 * index, sizeof(value));
    return value;
  }

  std::span<const std::byte> bytes_;
  int bits_;
  std::int64_t line_step_;
  std::int64_t word_step_;
  std::uint32_t add_;
};

}  // namespace lathe
