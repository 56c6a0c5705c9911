// A range of characters as ranges of bytes: what a machine that reads bytes sees of it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "constraint/char_set.h"

namespace lathe {

struct ByteRange {
  std::uint8_t low = 0, high = 0;
};

namespace utf8_ranges {

// The bytes of `c`, which has `length` of them.
inline std::array<std::uint8_t, 4> bytes_of(char32_t c, std::size_t length) noexcept {
  constexpr std::uint8_t kLead[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
  std::array<std::uint8_t, 4> out{};
  for (std::size_t i = length; i-- > 1;) {
    out[i] = static_cast<std::uint8_t>(0x80 | (c & 0x3f));
    c >>= 6;
  }
  out[0] = static_cast<std::uint8_t>(kLead[length] | c);
  return out;
}

// Of a range whose ends have `length` bytes. Cut so that in each piece every byte varies by itself.
template <typename Call>
void split(char32_t first, char32_t last, std::size_t length, Call&& call) {
  for (std::size_t i = 1; i < length; ++i) {
    const char32_t mask = (char32_t{1} << (6 * i)) - 1;  // what the last i bytes hold
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split(first, first | mask, length, call);
      split((first | mask) + 1, last, length, call);
      return;
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, length, call);
      split(last & ~mask, last, length, call);
      return;
    }
  }
  const auto low = bytes_of(first, length), high = bytes_of(last, length);
  std::array<ByteRange, 4> out{};
  for (std::size_t i = 0; i < length; ++i) out[i] = {low[i], high[i]};
  call(std::span<const ByteRange>(out.data(), length));
}

}  // namespace utf8_ranges

// Calls with one to four ranges of bytes, for each of the sequences that the range consists of.
template <typename Call>
void for_utf8_ranges(const CharRange& range, Call&& call) {
  constexpr char32_t kLast[] = {0, 0x7f, 0x7ff, 0xffff, 0x10ffff};
  for (std::size_t length = 1; length <= 4; ++length) {
    const char32_t first = std::max<char32_t>(range.first, length == 1 ? 0 : kLast[length - 1] + 1);
    const char32_t last = std::min(range.last, kLast[length]);
    if (first <= last) utf8_ranges::split(first, last, length, call);
  }
}

}  // namespace lathe
