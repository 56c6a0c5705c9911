// Matrices whose codes of 4 bits are places in a table of sixteen numbers: w = table[q] · scale.
//
// In the packed layout a grid of signed bytes, times a scale: exact where the table's numbers are
// whole multiples of one, at most 127 of it (E2M1: of a half); otherwise the nearest such grid.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "foreign/code_reader.h"
#include "foreign/foreign_matrix.h"

namespace lathe {

struct TableParts {
  std::string file;  // for messages
  std::string name;
  std::string scales;      // the name of the tensor that holds them
  CodeShape shape;         // of 4 bits
  std::int64_t group = 0;  // inputs that share a scale; the whole row where it is longer
  std::unique_ptr<CodeReader> codes;
  std::array<float, 16> table{};
  std::function<float(std::int64_t group, std::int64_t row)> scale;  // zero: all are
};

// Throws kInvalid for scales or tables that hold what is no number, kUnsupported for groups that
// the layout has not.
std::shared_ptr<const ForeignMatrix> make_table_matrix(TableParts parts);

}  // namespace lathe
