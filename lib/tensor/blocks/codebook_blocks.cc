#include "tensor/blocks/codebook_blocks.h"

#include <array>
#include <bit>

#include "tensor/blocks/codebooks.h"
#include "tensor/blocks/read_blocks.h"

namespace lathe {
namespace {

// Added to a code: a level of the other sign. Four levels of each sign fit three bits.
constexpr unsigned kMinusOf3 = 4;
constexpr unsigned kMinusOf4 = 8;

// Levels, with their signs on the grid's other half.
template <std::size_t count>
constexpr std::array<std::int8_t, 16> both_signs(const std::array<std::int8_t, count>& levels) {
  std::array<std::int8_t, 16> grid = {};
  for (std::size_t i = 0; i < count; ++i) {
    grid[i] = levels[i];
    grid[i + count] = static_cast<std::int8_t>(-levels[i]);
  }
  return grid;
}

constexpr auto kGridIq2 = both_signs<kMinusOf3>({8, 25, 43, 0});
constexpr auto kGridIq3Xxs = both_signs<kMinusOf4>({4, 12, 20, 28, 36, 44, 52, 62});
constexpr auto kGridIq3S = both_signs<kMinusOf4>({1, 3, 5, 7, 9, 11, 13, 15});
// Eighths: -1, 0 and 1 with one more, and with one less.
constexpr std::array<std::int8_t, 16> kGridIq1 = {-7, 1, 9, 0, -9, -1, 7};

std::uint32_t word_at(const std::uint8_t* bytes) noexcept {
  std::uint32_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

// Signs from bit `at` on, seven of eight.
unsigned eight_signs(std::uint32_t bits, int at = 0) noexcept {
  const unsigned seven = bits >> at & 127u;
  return seven | (static_cast<unsigned>(std::popcount(seven)) & 1u) << 7;
}

// `count` elements of an entry; bits of `signs`, the lowest first, add `minus_code`.
template <unsigned minus_code>
void set_entry(const Codebook& book, int entry, unsigned signs, int count,
               std::uint8_t* codes) noexcept {
  const auto& levels = book[static_cast<std::size_t>(entry)];
  for (int j = 0; j < count; ++j) {
    const unsigned minus = (signs >> j & 1u) * minus_code;
    codes[j] = static_cast<std::uint8_t>(levels[static_cast<std::size_t>(j)] | minus);
  }
}

int odd(int scale) noexcept { return 2 * scale + 1; }

void read_iq2_xxs(const BlockIQ2_XXS& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq2_xxs();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 8; ++s) {
    const std::uint8_t* entries = b.qs + 8 * s;
    const std::uint32_t signs = word_at(entries + 4);
    row.set_byte(0, 8 * i + s, odd(static_cast<int>(signs >> 28)));
    for (int l = 0; l < 4; ++l) {
      set_entry<kMinusOf3>(book, entries[l], eight_signs(signs, 7 * l), 8,
                           row.codes + 256 * i + 32 * s + 8 * l);
    }
  }
}

void read_iq2_xs(const BlockIQ2_XS& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq2_xs();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 16; ++s) row.set_byte(0, 16 * i + s, odd(nibble(b.scales, s)));
  for (int l = 0; l < 32; ++l) {
    set_entry<kMinusOf3>(book, b.qs[l] & 511, eight_signs(b.qs[l], 9), 8,
                         row.codes + 256 * i + 8 * l);
  }
}

void read_iq2_s(const BlockIQ2_S& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq2_s();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 16; ++s) row.set_byte(0, 16 * i + s, odd(nibble(b.scales, s)));
  for (int l = 0; l < 32; ++l) {
    const int high = b.qh[l / 4] >> (2 * (l % 4)) & 3;
    set_entry<kMinusOf3>(book, b.qs[l] | high << 8, b.signs[l], 8, row.codes + 256 * i + 8 * l);
  }
}

void read_iq3_xxs(const BlockIQ3_XXS& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq3_xxs();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 8; ++s) {
    const std::uint32_t signs = word_at(b.signs + 4 * s);
    row.set_byte(0, 8 * i + s, odd(static_cast<int>(signs >> 28)));
    for (int l = 0; l < 8; ++l) {
      set_entry<kMinusOf4>(book, b.qs[8 * s + l], eight_signs(signs, 7 * (l / 2)) >> (4 * (l % 2)),
                           4, row.codes + 256 * i + 32 * s + 4 * l);
    }
  }
}

void read_iq3_s(const BlockIQ3_S& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq3_s();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 8; ++s) row.set_byte(0, 8 * i + s, odd(nibble(b.scales, s)));
  for (int l = 0; l < 64; ++l) {
    const int high = b.qh[l / 8] >> (l % 8) & 1;
    set_entry<kMinusOf4>(book, b.qs[l] | high << 8, static_cast<unsigned>(nibble(b.signs, l)), 4,
                         row.codes + 256 * i + 4 * l);
  }
}

void read_iq1_s(const BlockIQ1_S& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq1();
  row.set_super(0, i, b.d);
  for (int s = 0; s < 8; ++s) row.set_byte(0, 8 * i + s, odd(b.qh[s] >> 12 & 7));
  for (int l = 0; l < 32; ++l) {
    const int more = b.qh[l / 4];
    const int entry = b.qs[l] | (more >> (3 * (l % 4)) & 7) << 8;
    set_entry<kMinusOf3>(book, entry, (more & 0x8000) != 0 ? 255u : 0u, 8,
                         row.codes + 256 * i + 8 * l);
  }
}

std::uint16_t scale_of(const BlockIQ1_M& b) noexcept {
  unsigned d = 0;
  for (int k = 0; k < 4; ++k) d |= static_cast<unsigned>(b.scales[k] >> 12) << (4 * k);
  return static_cast<std::uint16_t>(d);
}

void read_iq1_m(const BlockIQ1_M& b, std::int64_t i, const BlockRow& row) {
  const Codebook& book = codebook_iq1();
  row.set_super(0, i, scale_of(b));
  for (int s = 0; s < 16; ++s) {
    row.set_byte(0, 16 * i + s, odd(b.scales[s / 4] >> (3 * (s % 4)) & 7));
  }
  for (int l = 0; l < 32; ++l) {
    const int more = nibble(b.qh, l);
    set_entry<kMinusOf3>(book, b.qs[l] | (more & 7) << 8, (more & 8) != 0 ? 255u : 0u, 8,
                         row.codes + 256 * i + 8 * l);
  }
}

bool is_sound_iq1_m(const std::byte* block) {
  return is_finite_half(scale_of(block_at<BlockIQ1_M>(block)));
}

constexpr PackedScheme scheme(std::uint8_t bits, std::int32_t group) {
  return {.bits = bits,
          .group = group,
          .form = ScaleForm::kTwoLevel,
          .grid = true,
          .span = kNarrowSpan};
}

constexpr int kEighths = -3;
constexpr int kQuarters = -2;

constexpr std::array kTypes = {
    block_type<BlockIQ2_XXS, read_iq2_xxs>(DType::kIQ2_XXS, scheme(3, 32), kGridIq2, kEighths),
    block_type<BlockIQ2_XS, read_iq2_xs>(DType::kIQ2_XS, scheme(3, 16), kGridIq2, kEighths),
    block_type<BlockIQ2_S, read_iq2_s>(DType::kIQ2_S, scheme(3, 16), kGridIq2, kEighths),
    block_type<BlockIQ3_XXS, read_iq3_xxs>(DType::kIQ3_XXS, scheme(4, 32), kGridIq3Xxs, kQuarters),
    block_type<BlockIQ3_S, read_iq3_s>(DType::kIQ3_S, scheme(4, 32), kGridIq3S),
    block_type<BlockIQ1_S, read_iq1_s>(DType::kIQ1_S, scheme(3, 32), kGridIq1, kEighths),
    BlockType{DType::kIQ1_M, scheme(3, 16), read_row<BlockIQ1_M, read_iq1_m>, is_sound_iq1_m,
              kGridIq1, kEighths},
};

}  // namespace

std::span<const BlockType> codebook_block_types() noexcept { return kTypes; }

}  // namespace lathe
