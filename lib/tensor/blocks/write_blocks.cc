#include "tensor/blocks/write_blocks.h"

#include <cstring>

#include "base/fail.h"
#include "tensor/blocks/grid_blocks.h"
#include "tensor/ggml_blocks.h"

namespace lathe {
namespace {

std::uint8_t byte_of(int value) noexcept { return static_cast<std::uint8_t>(value); }

void put_bits(std::uint8_t& byte, int bits, int shift) noexcept {
  byte = byte_of(byte | bits << shift);
}

// Of 32 codes the lower four bits: element j low, element j + 16 high.
void put_nibbles(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int j = 0; j < 16; ++j) qs[j] = byte_of((codes[j] & 15) | (codes[j + 16] & 15) << 4);
}

void put_fifth_bits(const std::uint8_t* codes, std::uint8_t* qh) noexcept {
  for (int j = 0; j < 32; ++j) put_bits(qh[j / 8], codes[j] >> 4 & 1, j % 8);
}

void fill(const BlockParts& p, BlockQ4_0& b) { put_nibbles(p.codes, b.qs); }
void fill(const BlockParts& p, BlockQ4_1& b) { put_nibbles(p.codes, b.qs); }
void fill(const BlockParts& p, BlockIQ4_NL& b) { put_nibbles(p.codes, b.qs); }

void fill(const BlockParts& p, BlockQ5_0& b) {
  put_nibbles(p.codes, b.qs);
  put_fifth_bits(p.codes, b.qh);
}

void fill(const BlockParts& p, BlockQ5_1& b) {
  put_nibbles(p.codes, b.qs);
  put_fifth_bits(p.codes, b.qh);
}

void fill(const BlockParts& p, BlockQ8_0& b) {
  for (int j = 0; j < 32; ++j) b.qs[j] = static_cast<std::int8_t>(p.codes[j] - 128);
}

void fill(const BlockParts& p, BlockMXFP4& b) {
  b.e = byte_of(p.scale);
  put_nibbles(p.codes, b.qs);
}

// Two bits of 256 elements, as Q2_K and Q3_K have them.
void put_pairs(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int e = 0; e < 256; ++e) {
    put_bits(qs[e / 128 * 32 + e % 32], codes[e] & 3, 2 * (e / 32 % 4));
  }
}

void fill(const BlockParts& p, BlockQ2_K& b) {
  for (int s = 0; s < 16; ++s) b.scales[s] = byte_of(p.scales[s] | p.minimums[s] << 4);
  put_pairs(p.codes, b.qs);
}

void fill(const BlockParts& p, BlockQ3_K& b) {
  for (int s = 0; s < 16; ++s) {
    const int scale = p.scales[s] + 32;
    put_bits(b.scales[s % 8], scale & 15, 4 * (s / 8));
    put_bits(b.scales[8 + s % 4], scale >> 4, 2 * (s / 4));
  }
  put_pairs(p.codes, b.qs);
  for (int e = 0; e < 256; ++e) put_bits(b.hmask[e % 32], p.codes[e] >> 2, e / 32);
}

// See k_scale().
void put_k_scales(const BlockParts& p, std::uint8_t* scales) noexcept {
  for (int s = 0; s < 4; ++s) {
    scales[s] = byte_of(p.scales[s] | p.scales[s + 4] >> 4 << 6);
    scales[s + 4] = byte_of(p.minimums[s] | p.minimums[s + 4] >> 4 << 6);
    scales[s + 8] = byte_of((p.scales[s + 4] & 15) | (p.minimums[s + 4] & 15) << 4);
  }
}

// The lower four bits of 256 elements, as Q4_K and Q5_K have them.
void put_k_nibbles(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int e = 0; e < 256; ++e) put_bits(qs[e / 64 * 32 + e % 32], codes[e] & 15, e / 32 % 2 * 4);
}

void fill(const BlockParts& p, BlockQ4_K& b) {
  put_k_scales(p, b.scales);
  put_k_nibbles(p.codes, b.qs);
}

void fill(const BlockParts& p, BlockQ5_K& b) {
  put_k_scales(p, b.scales);
  put_k_nibbles(p.codes, b.qs);
  for (int e = 0; e < 256; ++e) put_bits(b.qh[e % 32], p.codes[e] >> 4, e / 32);
}

void fill(const BlockParts& p, BlockQ6_K& b) {
  for (int s = 0; s < 16; ++s) b.scales[s] = p.scales[s];
  for (int e = 0; e < 256; ++e) {
    const int half = e / 128;
    const int quarter = e / 32 % 4;
    const int l = e % 32;
    put_bits(b.ql[64 * half + 32 * (quarter % 2) + l], p.codes[e] & 15, quarter < 2 ? 0 : 4);
    put_bits(b.qh[32 * half + l], p.codes[e] >> 4, 2 * quarter);
  }
}

void fill(const BlockParts& p, BlockIQ4_XS& b) {
  for (int s = 0; s < 8; ++s) {
    const int scale = p.scales[s] + 32;
    put_bits(b.scales_l[s / 2], scale & 15, 4 * (s % 2));
    b.scales_h = static_cast<std::uint16_t>(b.scales_h | scale >> 4 << (2 * s));
    put_nibbles(p.codes + 32 * s, b.qs + 16 * s);
  }
}

template <typename Block>
void write(const BlockParts& parts, std::byte* out) {
  Block block = {};
  if constexpr (requires { block.d; }) block.d = parts.scale;
  if constexpr (requires { block.m; }) block.m = parts.minimum;
  if constexpr (requires { block.dmin; }) block.dmin = parts.minimum;
  fill(parts, block);
  std::memcpy(out, &block, sizeof(block));
}

}  // namespace

void write_block(DType type, const BlockParts& parts, std::byte* out) {
  switch (type) {
    case DType::kQ4_0:
      return write<BlockQ4_0>(parts, out);
    case DType::kQ4_1:
      return write<BlockQ4_1>(parts, out);
    case DType::kQ5_0:
      return write<BlockQ5_0>(parts, out);
    case DType::kQ5_1:
      return write<BlockQ5_1>(parts, out);
    case DType::kQ8_0:
      return write<BlockQ8_0>(parts, out);
    case DType::kQ2_K:
      return write<BlockQ2_K>(parts, out);
    case DType::kQ3_K:
      return write<BlockQ3_K>(parts, out);
    case DType::kQ4_K:
      return write<BlockQ4_K>(parts, out);
    case DType::kQ5_K:
      return write<BlockQ5_K>(parts, out);
    case DType::kQ6_K:
      return write<BlockQ6_K>(parts, out);
    case DType::kIQ4_NL:
      return write<BlockIQ4_NL>(parts, out);
    case DType::kIQ4_XS:
      return write<BlockIQ4_XS>(parts, out);
    case DType::kMXFP4:
      return write<BlockMXFP4>(parts, out);
    default:
      fail(ErrorCode::kBug, "blocks of {} are not written", dtype_info(type).name);
  }
}

}  // namespace lathe
