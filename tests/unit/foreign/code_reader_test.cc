// Every packing of codes against one code after the other, in whole tiles and in parts of them.
#include "foreign/code_reader.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

namespace lathe {
namespace {

using Bytes = std::vector<std::byte>;

// Bits of a stream of words that begins at `words`, low bits first; its words are `step` apart.
std::uint32_t bits_at(const Bytes& words, std::int64_t first, std::int64_t step, std::int64_t bit,
                      int count) {
  std::uint32_t out = 0;
  for (int b = 0; b < count; ++b) {
    std::uint32_t word;
    std::memcpy(&word, words.data() + 4 * (first + (bit + b) / 32 * step), 4);
    out |= (word >> ((bit + b) % 32) & 1u) << b;
  }
  return out;
}

Bytes random_bytes(std::int64_t size) {
  std::mt19937 random(7);
  Bytes out(static_cast<std::size_t>(size));
  for (std::byte& byte : out) byte = static_cast<std::byte>(random());
  return out;
}

using Expected = std::function<std::uint32_t(std::int64_t row, std::int64_t col)>;

void expect_codes(const CodeReader& reader, const CodeShape& shape, const Expected& expected) {
  std::vector<std::uint32_t> quads(static_cast<std::size_t>((shape.cols + 3) / 4 * 16));
  CodesAhead ahead;
  for (const std::int64_t count : {16, 8, 3, 1}) {
    for (std::int64_t first = 0; first + count <= shape.rows; first += count == 16 ? 16 : 5) {
      if (first % 16 != 0) {
        reader.read(first, count, quads.data());
      } else {
        reader.read_next(first, count, quads.data(), ahead);
      }
      for (std::int64_t r = 0; r < count; ++r) {
        for (std::int64_t k = 0; k < shape.cols; ++k) {
          const std::uint32_t quad = quads[static_cast<std::size_t>(k / 4 * 16 + r)];
          ASSERT_EQ(quad >> (8 * (k % 4)) & 255u, expected(first + r, k))
              << shape.bits << " bits, row " << first + r << ", column " << k;
        }
      }
    }
  }
}

TEST(CodeReader, ReadsColumnsOfAnyWidth) {
  for (int bits = 1; bits <= 8; ++bits) {
    const CodeShape shape = {40, 64, bits};
    const Bytes bytes = random_bytes(shape.cols * bits / 32 * shape.rows * 4);
    expect_codes(*codes_in_columns(shape, bytes), shape, [&](std::int64_t r, std::int64_t k) {
      return bits_at(bytes, r, shape.rows, k * bits, bits);
    });
  }
}

TEST(CodeReader, ReadsRowsWithoutGapsAndWithThem) {
  for (int bits = 1; bits <= 8; ++bits) {
    for (const std::int64_t cols : {64, 44, 37}) {
      for (const int per_word : {0, 32 / bits}) {
        const CodeShape shape = {21, cols, bits};
        const std::int64_t words = words_of(cols, bits, per_word);
        const Bytes bytes = random_bytes(shape.rows * words * 4);
        expect_codes(*codes_in_rows(shape, per_word, bytes), shape,
                     [&](std::int64_t r, std::int64_t k) {
                       const std::int64_t bit =
                           per_word == 0 ? k * bits : k / per_word * 32 + k % per_word * bits;
                       return bits_at(bytes, r * words, 1, bit, bits);
                     });
      }
    }
  }
}

TEST(CodeReader, ReadsRowsThatLieAcrossWords) {
  for (const std::int64_t cols : {64, 30}) {
    const CodeShape shape = {168, cols, 4};
    const Bytes bytes = random_bytes(cols * shape.rows / 8 * 4);
    constexpr int kNibbleOfRow[] = {0, 4, 1, 5, 2, 6, 3, 7};
    expect_codes(*codes_across_rows(shape, bytes), shape, [&](std::int64_t r, std::int64_t k) {
      return bits_at(bytes, k * shape.rows / 8 + r / 8, 1, 4 * kNibbleOfRow[r % 8], 4);
    });
    for (int row = 0; row < 8; ++row) {
      EXPECT_EQ(nibble_of_row(row), kNibbleOfRow[row]);
      EXPECT_EQ(row_of_nibble(nibble_of_row(row)), row);
    }
  }
}

TEST(CodeReader, ReadsNibblesOfEitherOrder) {
  for (const bool high_first : {false, true}) {
    const CodeShape shape = {19, 38, 4};
    const Bytes bytes = random_bytes(shape.rows * shape.cols / 2);
    expect_codes(
        *codes_in_nibbles(shape, high_first, bytes), shape, [&](std::int64_t r, std::int64_t k) {
          const auto byte =
              static_cast<std::uint32_t>(bytes[static_cast<std::size_t>((r * shape.cols + k) / 2)]);
          return (k % 2 == 1) != high_first ? byte >> 4 : byte & 15u;
        });
  }
}

TEST(CodeReader, ReadsLayersOfRows) {
  for (const int bits : {1, 2, 4, 8}) {
    for (const bool low_first : {false, true}) {
      const CodeShape shape = {24, 32, bits};
      const std::int64_t line = 16, lines = shape.rows * shape.cols / line * bits / 8;
      const Bytes bytes = random_bytes(lines * line);
      expect_codes(*codes_in_layers(shape, line, low_first, bytes), shape,
                   [&](std::int64_t r, std::int64_t k) {
                     const std::int64_t element = r * shape.cols + k;
                     const std::int64_t at = element / line;
                     const auto byte = static_cast<std::uint32_t>(
                         bytes[static_cast<std::size_t>(at % lines * line + element % line)]);
                     const auto layer = static_cast<int>(at / lines);
                     const int shift = low_first ? layer * bits : 8 - (layer + 1) * bits;
                     return byte >> shift & ((1u << bits) - 1u);
                   });
    }
  }
}

TEST(CodeReader, AddsHalfOfTheRangeToSignedBytes) {
  const CodeShape shape = {18, 33, 8};
  const Bytes bytes = random_bytes(shape.rows * shape.cols);
  expect_codes(*codes_in_bytes(shape, bytes), shape, [&](std::int64_t r, std::int64_t k) {
    const auto value =
        static_cast<std::int8_t>(bytes[static_cast<std::size_t>(r * shape.cols + k)]);
    return static_cast<std::uint32_t>(value + 128);
  });
}

}  // namespace
}  // namespace lathe
