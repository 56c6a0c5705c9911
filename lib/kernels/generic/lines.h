// A line of codes in plain C++: 64 bytes, sixteen rows of four inputs.
//
// The vocabulary of shared/codes.h; each kind of registers has its own lines.h with the same names.
// A Line may also be a part of a line, which is then loaded from where the part begins.
#pragma once

#include <cstdint>

namespace lathe {
namespace {

struct Line {
  std::uint8_t v[64];

  static Line load(const std::uint8_t* p) noexcept {
    Line line;
    __builtin_memcpy(line.v, p, sizeof(line.v));
    return line;
  }
  // Bits of each byte moved down, or up where kBits is negative. What comes in from a neighbouring
  // byte may differ between tables: masked() follows.
  template <int kBits>
  Line moved() const noexcept {
    Line line = *this;
    for (std::uint8_t& byte : line.v) {
      byte = static_cast<std::uint8_t>(kBits >= 0 ? byte >> (kBits & 7) : byte << (-kBits & 7));
    }
    return line;
  }
  Line masked(unsigned mask) const noexcept {
    Line line = *this;
    for (std::uint8_t& byte : line.v) byte = static_cast<std::uint8_t>(byte & mask);
    return line;
  }
};

inline Line either(Line a, const Line& b) noexcept {
  for (int i = 0; i < 64; ++i) a.v[i] = static_cast<std::uint8_t>(a.v[i] | b.v[i]);
  return a;
}

}  // namespace
}  // namespace lathe
