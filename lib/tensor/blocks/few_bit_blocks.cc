#include "tensor/blocks/few_bit_blocks.h"

#include <array>

#include "tensor/blocks/read_blocks.h"

namespace lathe {
namespace {

constexpr int kZero = 2;  // the code of 0

// Numbers from -1 to 2 are taken with the other sign, as codes reach further down than up.
constexpr std::uint16_t other_sign(std::uint16_t half) noexcept {
  return static_cast<std::uint16_t>(half ^ 0x8000u);
}
constexpr std::uint8_t code_of(int q) noexcept { return byte_of(kZero + 1 - q); }

// Blocks of 256 have one scale, groups are at most 128.
void set_both(std::uint16_t d, std::int64_t i, const BlockRow& row) noexcept {
  row.set_half(0, 2 * i, d);
  row.set_half(0, 2 * i + 1, d);
}

void read_tq1_0(const BlockTQ1_0& b, std::int64_t i, const BlockRow& row) {
  set_both(b.d, i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  const auto digits = [&](const std::uint8_t* bytes, int wide, int count) {
    for (int k = 0, power = 1; k < count; ++k, power *= 3) {
      for (int m = 0; m < wide; ++m) {
        const int digit = (bytes[m] * power & 255) * 3 >> 8;
        *codes++ = byte_of(kZero + digit - 1);
      }
    }
  };
  digits(b.qs, 32, 5);
  digits(b.qs + 32, 16, 5);
  digits(b.qh, 4, 4);
}

void read_tq2_0(const BlockTQ2_0& b, std::int64_t i, const BlockRow& row) {
  set_both(other_sign(b.d), i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int e = 0; e < 256; ++e) {
    codes[e] = code_of(b.qs[e / 128 * 32 + e % 32] >> (2 * (e / 32 % 4)) & 3);
  }
}

void read_q1_0(const BlockQ1_0& b, std::int64_t i, const BlockRow& row) {
  row.set_half(0, i, b.d);
  std::uint8_t* codes = row.codes + 128 * i;
  for (int e = 0; e < 128; ++e) {
    codes[e] = byte_of((b.qs[e / 8] >> (e % 8) & 1) != 0 ? kZero + 1 : kZero - 1);
  }
}

void read_q2_0(const BlockQ2_0& b, std::int64_t i, const BlockRow& row) {
  row.set_half(0, i, other_sign(b.d));
  std::uint8_t* codes = row.codes + 64 * i;
  for (int e = 0; e < 64; ++e) {
    codes[e] = code_of(b.qs[e / 4] >> (2 * (e % 4)) & 3);
  }
}

constexpr PackedScheme scheme(std::int32_t group) {
  return with_usual_span({.bits = 2, .group = group, .form = ScaleForm::kHalf});
}

constexpr std::array kTypes = {
    block_type<BlockTQ1_0, read_tq1_0>(DType::kTQ1_0, scheme(128)),
    block_type<BlockTQ2_0, read_tq2_0>(DType::kTQ2_0, scheme(128)),
    block_type<BlockQ1_0, read_q1_0>(DType::kQ1_0, scheme(128)),
    block_type<BlockQ2_0, read_q2_0>(DType::kQ2_0, scheme(64)),
};

}  // namespace

std::span<const BlockType> few_bit_block_types() noexcept { return kTypes; }

}  // namespace lathe
