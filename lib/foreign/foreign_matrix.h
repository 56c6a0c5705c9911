// A matrix that another program quantized, as it lies in a file.
//
// The numbers of such a matrix are codes with a scale for each group of them, and perhaps zero
// points, as the packed layout's are (tensor/packed_matrix.h): it is re-expressed there without a
// step through floats. foreign.h finds the matrices of a checkpoint.
//
// Immutable, so thread-safe; it refers to the file's bytes, which must outlive it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "foreign/code_reader.h"
#include "tensor/packed_layout.h"

namespace lathe {

// What becomes of a matrix in the packed layout.
struct ForeignForm {
  PackedScheme scheme;
  int unit_exponent = 0;               // PackedWriter's
  std::array<std::int8_t, 16> grid{};  // of a scheme with a grid
  // Which input stands at each place of a packed row; empty: as they are.
  std::vector<std::uint32_t> order;
  // Whether the layout holds the same numbers. If not, some scales are rounded, or codes.
  bool exact = true;
};

// Sixteen rows as PackedWriter takes them, in memory that is used again and again.
class ForeignRows {
 public:
  ForeignRows(const ForeignForm& form, std::int64_t cols);

  // [ceil(cols / 4)][16]: the codes of four neighbouring inputs, the first lowest; beyond the last
  // input anything.
  std::vector<std::uint32_t> quads;
  // [groups][16]: scales, and minimums where the scheme has them, as halves; or zero points.
  std::vector<std::uint16_t> scales, minimums;
  std::vector<std::uint8_t> zeros;
  CodesAhead ahead;

  PackedTile tile() const noexcept;
};

class ForeignMatrix {
 public:
  virtual ~ForeignMatrix();
  ForeignMatrix(const ForeignMatrix&) = delete;
  ForeignMatrix& operator=(const ForeignMatrix&) = delete;

  std::int64_t rows() const noexcept { return rows_; }
  std::int64_t cols() const noexcept { return cols_; }
  const ForeignForm& form() const noexcept { return form_; }

  // Rows [first, first + count) as floats, as the format defines them; `out` has count · cols().
  virtual void read_f32(std::int64_t first, std::int64_t count, float* out) const = 0;
  // The same rows, at most sixteen, in the terms of form(). Rows that are lacking are any.
  virtual void read_packed(std::int64_t first, std::int64_t count, ForeignRows& out) const = 0;

 protected:
  ForeignMatrix(std::int64_t rows, std::int64_t cols) : rows_(rows), cols_(cols) {}
  ForeignForm form_;

 private:
  std::int64_t rows_;
  std::int64_t cols_;
};

// Rows of a matrix in another order, or a part of them: row r is the matrix's row order[r].
std::shared_ptr<const ForeignMatrix> select_rows(std::shared_ptr<const ForeignMatrix> matrix,
                                                 std::vector<std::int64_t> order);

// Bytes of the packed tensor that the matrix becomes.
std::uint64_t packed_bytes(const ForeignMatrix& matrix);
// Writes the packed tensor; `out`, of packed_bytes() bytes, is zero and stands on a multiple of 64.
// The tiles of sixteen rows, [first, last), may be shared among threads.
class ForeignPacker {
 public:
  ForeignPacker(const ForeignMatrix& matrix, std::span<std::byte> out);
  std::int64_t tiles() const noexcept { return writer_.view().tiles; }
  void pack(std::int64_t first, std::int64_t last);

 private:
  const ForeignMatrix& matrix_;
  PackedWriter writer_;
};

// What remains of the signal when the packed layout's numbers stand for the matrix's, in decibels,
// of the rows [first, first + 16) as far as there are; infinite where nothing is lost.
double packed_sqnr(const ForeignMatrix& matrix, std::int64_t first);

}  // namespace lathe
