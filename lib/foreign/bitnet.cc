// BitNet's folders: -1, 0 and 1 as two bits each.
//
//   weight        U8 [out / 4, in]: row r + k · out / 4 in bits 2k and 2k + 1 of row r, one more
//   weight_scale  [1]: what the numbers are divided by
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/methods.h"

namespace lathe {
namespace {

constexpr int kBits = 2;

void read_matrix(const std::string& stem, Parts& parts) {
  const Part codes = parts.take(stem + ".weight");
  const Part divisor = parts.take(stem + ".weight_scale");
  parts.require_type(codes, {DType::kU8});
  parts.require_scales(divisor);
  parts.require_matrix(codes);
  parts.require_shape(divisor, std::vector<std::int64_t>{1});
  const float by = Factors{divisor.name, divisor.bytes, divisor.type}.at(0, 0);
  AffineParts matrix;
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.shape = {4 * codes.shape[0], codes.shape[1], kBits};
  matrix.group = matrix.shape.cols;
  matrix.codes = codes_in_layers(matrix.shape, matrix.shape.cols, true, codes.bytes);
  matrix.scales = {.name = divisor.name, .bytes = divisor.bytes, .type = divisor.type};
  matrix.scales.inverse = true;
  if (by == 0.0f) parts.fail(divisor, "divides by zero");
  matrix.zeros = ZeroPoints::kWhole;
  matrix.zero = [](std::int64_t, std::int64_t) { return 1.0f; };
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_bitnet(const JsonView&, Parts& parts) {
  for (const std::string& stem : parts.stems(".weight_scale")) read_matrix(stem, parts);
}

}  // namespace lathe
