// Matrices of floats of eight bits, with scales: w = value · scale.
//
// Processors have no products of such floats: they become whole numbers of eight bits, in groups of
// 32 inputs whose unit is a power of two of the value. What is within three binades of a group's
// largest stays as it is, and what is smaller is rounded to 1/120 of that at most: an error below
// that of whole numbers with free scales.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "foreign/factors.h"
#include "foreign/foreign_matrix.h"

namespace lathe {

struct Float8Parts {
  std::string file;  // for messages
  std::string name;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::span<const std::byte> values;  // [rows, cols]
  bool e5m2 = false;                  // not E4M3
  std::int64_t group = 0;             // inputs that share a scale; the whole row where it is longer
  Factors scales;
};

// Throws kInvalid for scales or values that are none, kUnsupported for groups that are no multiple
// of 32.
std::shared_ptr<const ForeignMatrix> make_float8(Float8Parts parts);

}  // namespace lathe
