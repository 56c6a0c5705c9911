#include "tensor/blocks/grid_blocks.h"

#include "tensor/blocks/read_blocks.h"

namespace lathe {
namespace {

void read_iq4_nl(const BlockIQ4_NL& b, std::int64_t i, const BlockRow& row) {
  row.set_half(0, i, b.d);
  read_nibbles(b.qs, row.codes + 32 * i);
}

void read_iq4_xs(const BlockIQ4_XS& b, std::int64_t i, const BlockRow& row) {
  row.set_super(0, i, b.d);
  for (int s = 0; s < 8; ++s) {
    const int scale = nibble(b.scales_l, s) | (b.scales_h >> (2 * s) & 3) << 4;
    row.set_byte(0, 8 * i + s, scale - 32);
    read_nibbles(b.qs + 16 * s, row.codes + 256 * i + 32 * s);
  }
}

void read_mxfp4(const BlockMXFP4& b, std::int64_t i, const BlockRow& row) {
  row.set_byte(0, i, b.e);
  read_nibbles(b.qs, row.codes + 32 * i);
}

// Twelve times a larger scale would leave the floats.
constexpr std::uint8_t kLargestExponent = 251;

bool is_sound_mxfp4(const std::byte* block) {
  return block_at<BlockMXFP4>(block).e <= kLargestExponent;
}

// E4M3 as a half: the mantissa has as many bits or more, and the exponent is 8 more.
std::uint16_t half_of_e4m3(std::uint8_t value) noexcept {
  constexpr std::uint16_t kOfSubnormals[8] = {0,      0x1800, 0x1c00, 0x1e00,
                                              0x2000, 0x2100, 0x2200, 0x2300};
  if (value < 8) return kOfSubnormals[value];  // value · 2^-9
  return static_cast<std::uint16_t>((value << 7) + (8 << 10));
}

void read_nvfp4(const BlockNVFP4& b, std::int64_t i, const BlockRow& row) {
  for (int s = 0; s < 4; ++s) {
    row.set_half(0, 4 * i + s, half_of_e4m3(b.d[s]));
    std::uint8_t* codes = row.codes + 64 * i + 16 * s;
    for (int j = 0; j < 8; ++j) {
      codes[j] = byte_of(b.qs[8 * s + j] & 15);
      codes[j + 8] = byte_of(b.qs[8 * s + j] >> 4);
    }
  }
}

// 127 is no number, and there are none with a sign.
bool is_sound_nvfp4(const std::byte* from) {
  const auto block = block_at<BlockNVFP4>(from);
  bool sound = true;
  for (const std::uint8_t d : block.d) sound = sound && d < 127;
  return sound;
}

constexpr PackedScheme scheme(std::int32_t group, ScaleForm form) {
  return {.bits = 4, .group = group, .form = form, .grid = true, .span = kNarrowSpan};
}

// With the span of our own, for the speed: a step less in three.
constexpr PackedScheme kExponents =
    with_usual_span({.bits = 4, .group = 32, .form = ScaleForm::kExponent, .grid = true});

constexpr int kHalved = -1;  // as the table is doubled

constexpr std::array kTypes = {
    block_type<BlockIQ4_NL, read_iq4_nl>(DType::kIQ4_NL, scheme(32, ScaleForm::kHalf), kGridIq4),
    block_type<BlockIQ4_XS, read_iq4_xs>(DType::kIQ4_XS, scheme(32, ScaleForm::kTwoLevel),
                                         kGridIq4),
    BlockType{DType::kMXFP4, kExponents, read_row<BlockMXFP4, read_mxfp4>, is_sound_mxfp4,
              kGridE2M1, kHalved},
    BlockType{DType::kNVFP4, scheme(16, ScaleForm::kHalf), read_row<BlockNVFP4, read_nvfp4>,
              is_sound_nvfp4, kGridE2M1, kHalved},
};

}  // namespace

std::span<const BlockType> grid_block_types() noexcept { return kTypes; }

}  // namespace lathe
