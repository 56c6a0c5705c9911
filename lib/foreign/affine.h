// Matrices of whole numbers: w = (q - zero) · scale, with a scale and a zero point for each group
// of neighbouring inputs of a row.
//
// In the packed layout, exactly:
//
//   zero points all in the middle of the codes   without minimums
//   other whole ones                             zero points
//   others                                       minimums -zero · scale, rounded to halves
//
// Groups larger than the layout's repeat their scale. A scale becomes a half times a power of two
// for the whole matrix, which holds F16, and in all but strange cases BF16, as they are; F32 is
// rounded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "foreign/code_reader.h"
#include "foreign/factors.h"
#include "foreign/foreign_matrix.h"

namespace lathe {

enum class ZeroPoints {
  kMiddle,  // 2^(bits - 1)
  kWhole,   // from 0 to 2^bits - 1
  kReal,    // any number
};

struct AffineParts {
  std::string file;  // for messages
  std::string name;
  CodeShape shape;
  std::int64_t group = 0;  // inputs that share a scale; the whole row where it is longer
  std::unique_ptr<CodeReader> codes;
  // Which input is at each place, so that groups are of neighbours (input_order.h); empty: they
  // are.
  std::vector<std::uint32_t> order;
  Factors scales;
  bool scales_may_be_zero = false;
  ZeroPoints zeros = ZeroPoints::kMiddle;
  // Of a group of a row; not asked where they are in the middle.
  std::function<float(std::int64_t group, std::int64_t row)> zero;
};

// Throws kInvalid for scales that are none, kUnsupported for groups that the layout has not.
std::shared_ptr<const ForeignMatrix> make_affine(AffineParts parts);

// Sets the narrowest width of at least so many bits that has a group which divides `group` of
// `cols` inputs, and the largest such group; 0: the whole row. Throws kUnsupported, naming file and
// tensor, where there is none.
void choose_layout(std::int64_t group, std::int64_t cols, int bits, PackedScheme& scheme,
                   const std::string& file, const std::string& name);

}  // namespace lathe
