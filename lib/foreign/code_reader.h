// The codes of a foreign matrix, in whatever way the file packs them, as quads of sixteen rows.
//
// Readers do not own the bytes. Their sizes are checked when they are made: kBug for others, which
// are for the caller to refuse with the tensor's name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lathe {

class CodeReader;

// What a reader has read beyond what it was asked for. One for each thread.
struct CodesAhead {
  const CodeReader* of = nullptr;
  std::int64_t first = 0;  // row
  std::vector<std::uint32_t> quads;
};

class CodeReader {
 public:
  virtual ~CodeReader() = default;
  // The unsigned codes of rows [first, first + count), at most sixteen: [ceil(cols / 4)][16], four
  // neighbouring inputs in a number, the first lowest. Beyond the last input: anything.
  virtual void read(std::int64_t first, std::int64_t count, std::uint32_t* quads) const = 0;
  // The same for who reads tile after tile.
  virtual void read_next(std::int64_t first, std::int64_t count, std::uint32_t* quads,
                         CodesAhead& ahead) const;
};

// What kind of matrix the codes are of: [rows, cols] of `bits` bits, at most 8.
struct CodeShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  int bits = 0;
};

// Columns one below the other in words of 32 bits, low bits first, without gaps, [words, rows]: a
// code may straddle two words. cols · bits is a multiple of 32.
std::unique_ptr<CodeReader> codes_in_columns(const CodeShape& shape,
                                             std::span<const std::byte> bytes);

// Rows in words, low bits first, [rows, words]. `per_word` codes in each; 0: without gaps.
std::unique_ptr<CodeReader> codes_in_rows(const CodeShape& shape, int per_word,
                                          std::span<const std::byte> bytes);
// Words of a row for either.
std::int64_t words_of(std::int64_t codes, int bits, int per_word) noexcept;

// Codes of 4 bits, eight neighbouring rows in each word, [cols, rows / 8]: nibble i is of row
// 0, 2, 4, 6, 1, 3, 5, 7 of the eight.
std::unique_ptr<CodeReader> codes_across_rows(const CodeShape& shape,
                                              std::span<const std::byte> bytes);
// The row within its eight that nibble i is of, and the inverse.
int row_of_nibble(int nibble) noexcept;
int nibble_of_row(int row) noexcept;

// Codes of 4 bits, two neighbouring inputs in each byte, [rows, cols / 2].
std::unique_ptr<CodeReader> codes_in_nibbles(const CodeShape& shape, bool high_first,
                                             std::span<const std::byte> bytes);

// Codes of 8, 4, 2 or 1 bits in bytes, [rows · bits / 8, cols]: the first rows stand in the bytes'
// highest bits, then as many in the next, or where `low_first` in the lowest. `cols` may be of
// other lines than the matrix's: rows · cols count.
std::unique_ptr<CodeReader> codes_in_layers(const CodeShape& shape, std::int64_t line,
                                            bool low_first, std::span<const std::byte> bytes);

// Signed bytes, [rows, cols]: 128 is added.
std::unique_ptr<CodeReader> codes_in_bytes(const CodeShape& shape,
                                           std::span<const std::byte> bytes);

}  // namespace lathe
