// Scales of a foreign matrix: a number for each group of each row, or for more of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lathe/dtype.h"

namespace lathe {

struct Factors {
  std::string name;  // of the tensor, for messages
  std::span<const std::byte> bytes;
  DType type = DType::kF16;  // or BF16, F32, U8: floats of eight bits
  // Where the number of group g of row r stands, in elements: g · group_step + r / row_block ·
  // row_step.
  std::int64_t group_step = 0;
  std::int64_t row_step = 0;
  std::int64_t row_block = 1;
  float multiplier = 1.0f;  // of all
  bool inverse = false;     // the numbers divide
  bool exponents = false;   // U8: E8M0, not E4M3

  float at(std::int64_t group, std::int64_t row) const noexcept;
  // The number that stands there, counted from the first.
  float stored(std::int64_t index) const noexcept;
};

// What is known of all factors of a matrix.
struct FactorRange {
  float smallest = 0.0f;  // magnitudes other than zero; 0: there is none
  float largest = 0.0f;   // not finite where one of them is not
  bool any_zero = false;
  // Whether a half holds each but for its exponent: eleven bits.
  bool short_mantissas = true;

  void add(float factor) noexcept;
  // The power of two that halves are multiplied with, so that `most` is among the largest, and
  // whether all factors are halves then.
  static int unit_exponent(float most) noexcept;
  bool are_halves(int unit_exponent) const noexcept;
};

// Looks at all of them. Throws kInvalid, naming `file` and the tensor, for one that is no number or
// infinite.
FactorRange look_through(const Factors& factors, std::int64_t groups, std::int64_t rows,
                         const std::string& file);
// Throws kInvalid, naming file and tensor, where one of them is infinite or no number.
void require_finite(const FactorRange& range, const std::string& name, const std::string& file);

}  // namespace lathe
