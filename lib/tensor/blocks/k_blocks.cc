// The K formats: blocks of 256 whose sub-blocks have small whole numbers as scales.
#include <array>

#include "tensor/blocks/read_blocks.h"
#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

// x = (d·scale)·q + dmin·(-min)
void read_2(const BlockQ2_K& b, std::int64_t i, const BlockRow& row) {
  row.set_super(0, i, b.d);
  row.set_super(1, i, b.dmin);
  for (int s = 0; s < 16; ++s) {
    row.set_byte(0, 16 * i + s, b.scales[s] & 15);
    row.set_byte(1, 16 * i + s, -(b.scales[s] >> 4));
  }
  std::uint8_t* codes = row.codes + 256 * i;
  for (int e = 0; e < 256; ++e) {
    codes[e] = byte_of(b.qs[e / 128 * 32 + e % 32] >> (2 * (e / 32 % 4)) & 3);
  }
}

void read_3(const BlockQ3_K& b, std::int64_t i, const BlockRow& row) {
  row.set_super(0, i, b.d);
  for (int s = 0; s < 16; ++s) {
    const int low = b.scales[s % 8] >> (4 * (s / 8)) & 15;
    const int high = b.scales[8 + s % 4] >> (2 * (s / 4)) & 3;
    row.set_byte(0, 16 * i + s, (low | high << 4) - 32);
  }
  std::uint8_t* codes = row.codes + 256 * i;
  for (int e = 0; e < 256; ++e) {
    const int low = b.qs[e / 128 * 32 + e % 32] >> (2 * (e / 32 % 4)) & 3;
    const int high = b.hmask[e % 32] >> (e / 32) & 1;
    codes[e] = byte_of(low | high << 2);
  }
}

// The scales of Q4_K and Q5_K: x = (d·scale)·q + dmin·(-min).
template <typename Block>
void read_scales(const Block& b, std::int64_t i, const BlockRow& row) noexcept {
  row.set_super(0, i, b.d);
  row.set_super(1, i, b.dmin);
  for (int s = 0; s < 8; ++s) {
    const KScale scale = k_scale(b.scales, s);
    row.set_byte(0, 8 * i + s, scale.scale);
    row.set_byte(1, 8 * i + s, -scale.min);
  }
}

void read_4(const BlockQ4_K& b, std::int64_t i, const BlockRow& row) {
  read_scales(b, i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int g = 0; g < 4; ++g) {
    for (int l = 0; l < 32; ++l) {
      codes[64 * g + l] = byte_of(b.qs[32 * g + l] & 15);
      codes[64 * g + 32 + l] = byte_of(b.qs[32 * g + l] >> 4);
    }
  }
}

void read_5(const BlockQ5_K& b, std::int64_t i, const BlockRow& row) {
  read_scales(b, i, row);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int g = 0; g < 4; ++g) {
    for (int l = 0; l < 32; ++l) {
      const auto fifth = [&](int s) { return ((b.qh[l] >> s) & 1) << 4; };
      codes[64 * g + l] = byte_of((b.qs[32 * g + l] & 15) | fifth(2 * g));
      codes[64 * g + 32 + l] = byte_of((b.qs[32 * g + l] >> 4) | fifth(2 * g + 1));
    }
  }
}

void read_6(const BlockQ6_K& b, std::int64_t i, const BlockRow& row) {
  row.set_super(0, i, b.d);
  for (int s = 0; s < 16; ++s) row.set_byte(0, 16 * i + s, b.scales[s]);
  std::uint8_t* codes = row.codes + 256 * i;
  for (int h = 0; h < 2; ++h) {
    for (int k = 0; k < 4; ++k) {
      for (int l = 0; l < 32; ++l) {
        const int low = b.ql[64 * h + 32 * (k % 2) + l] >> (k < 2 ? 0 : 4) & 15;
        const int high = (b.qh[32 * h + l] >> (2 * k) & 3) << 4;
        codes[128 * h + 32 * k + l] = byte_of(low | high);
      }
    }
  }
}

constexpr PackedScheme scheme(std::uint8_t bits, std::int32_t group, bool minimums) {
  return {.bits = bits, .group = group, .form = ScaleForm::kTwoLevel, .minimums = minimums};
}

constexpr PackedScheme narrow(PackedScheme scheme) {
  scheme.span = kNarrowSpan;
  return scheme;
}

constexpr std::array kTypes = {
    block_type<BlockQ2_K, read_2>(DType::kQ2_K, narrow(scheme(2, 16, true))),
    block_type<BlockQ3_K, read_3>(DType::kQ3_K, narrow(scheme(3, 16, false))),
    block_type<BlockQ4_K, read_4>(DType::kQ4_K, with_usual_span(scheme(4, 32, true))),
    block_type<BlockQ5_K, read_5>(DType::kQ5_K, scheme(5, 32, true)),
    block_type<BlockQ6_K, read_6>(DType::kQ6_K, scheme(6, 16, false)),
};

}  // namespace

std::span<const BlockType> k_block_types() noexcept { return kTypes; }

}  // namespace lathe
