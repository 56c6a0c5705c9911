#include "foreign/float8.h"

#include <algorithm>
#include <cmath>
#include <fmt/ranges.h>

#include "base/divide_up.h"
#include "foreign/float8_matrix.h"
#include "foreign/table_matrix.h"

namespace lathe {
namespace {

// E2M1 (OCP Microscaling Formats, 2023).
constexpr std::array<float, 16> kE2M1 = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                         -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

std::int64_t elements(const Part& part) {
  std::int64_t count = 1;
  for (const std::int64_t size : part.shape) count *= size;
  return count;
}

// Scales in floats, or exponents as bytes.
Factors factors_of(const Parts& parts, const Part& scales) {
  const bool exponents =
      scales.is("F8_E8M0") || (scales.type == DType::kU8 && scales.bytes_type.empty());
  if (scales.type != DType::kU8) parts.require_scales(scales);
  if (scales.type == DType::kU8 && !exponents && !scales.is("F8_E4M3")) {
    parts.fail(scales, "has a type that scales have not");
  }
  return {.name = scales.name, .bytes = scales.bytes, .type = scales.type, .exponents = exponents};
}

}  // namespace

bool is_float8(const Part& part) noexcept { return part.is("F8_E4M3") || part.is("F8_E5M2"); }

void read_float8(const std::string& stem, const std::string& name, std::int64_t block_rows,
                 std::int64_t block_cols, Parts& parts) {
  const Part values = parts.take(stem + ".weight");
  const Part scales = parts.take(name);
  if (!is_float8(values)) parts.fail(values, "does not hold floats of eight bits");
  parts.require_matrix(values);
  Float8Parts matrix;
  matrix.file = parts.file();
  matrix.name = values.name;
  matrix.rows = values.shape[0];
  matrix.cols = values.shape[1];
  matrix.values = values.bytes;
  matrix.e5m2 = values.is("F8_E5M2");
  matrix.scales = factors_of(parts, scales);
  matrix.group = matrix.cols;
  const bool by_row = scales.shape.size() == 2 && scales.shape[0] == matrix.rows;
  if (block_rows > 0) {
    parts.require_shape(scales, std::vector{divide_up(matrix.rows, block_rows),
                                            divide_up(matrix.cols, block_cols)});
    matrix.group = block_cols;
    matrix.scales.group_step = 1;
    matrix.scales.row_step = scales.shape[1];
    matrix.scales.row_block = block_rows;
  } else if (by_row && scales.shape[1] >= 1 && matrix.cols % scales.shape[1] == 0) {
    matrix.group = matrix.cols / scales.shape[1];
    matrix.scales.group_step = scales.shape[1] == 1 ? 0 : 1;
    matrix.scales.row_step = scales.shape[1];
  } else if (scales.shape == std::vector{matrix.rows}) {
    matrix.scales.row_step = 1;
  } else if (elements(scales) != 1) {
    parts.fail(scales, "has shape [{}], which are no scales of [{}]", fmt::join(scales.shape, ", "),
               fmt::join(values.shape, ", "));
  }
  parts.add(values, stem, make_float8(std::move(matrix)));
}

void read_float4(const std::string& stem, const std::string& name, const std::string& whole,
                 bool divided, Parts& parts) {
  const Part codes = parts.take(name);
  const Part scales = parts.take(stem + ".weight_scale");
  parts.require_type(codes, {DType::kU8});
  parts.require_matrix(codes);
  TableParts matrix;
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.scales = scales.name;
  matrix.shape = {codes.shape[0], 2 * codes.shape[1], 4};
  if (scales.shape.size() != 2 || scales.shape[0] != matrix.shape.rows || scales.shape[1] < 1 ||
      matrix.shape.cols % scales.shape[1] != 0) {
    parts.fail(scales, "has shape [{}], which are no scales of {} x {}",
               fmt::join(scales.shape, ", "), matrix.shape.rows, matrix.shape.cols);
  }
  Factors factors = factors_of(parts, scales);
  factors.group_step = 1;
  factors.row_step = scales.shape[1];
  if (!whole.empty()) {
    const Part one = parts.take(whole);
    parts.require_type(one, {DType::kF32});
    if (elements(one) != 1) parts.fail(one, "is not one number");
    const float number = Factors{.name = one.name, .bytes = one.bytes, .type = one.type}.at(0, 0);
    if (!std::isfinite(number) || number == 0.0f) parts.fail(one, "is zero or no number");
    factors.multiplier = divided ? 1.0f / number : number;
  }
  matrix.group = matrix.shape.cols / scales.shape[1];
  matrix.codes = codes_in_nibbles(matrix.shape, false, codes.bytes);
  matrix.table = kE2M1;
  matrix.scale = [factors](std::int64_t g, std::int64_t r) { return factors.at(g, r); };
  parts.add(codes, stem, make_table_matrix(std::move(matrix)));
}

}  // namespace lathe
