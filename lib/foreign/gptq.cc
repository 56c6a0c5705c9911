// GPTQ's folders, as AutoGPTQ and GPTQModel write them, of b bits in groups of g:
//
//   qweight  I32 [in · b / 32, out]      down the columns, low bits first
//   qzeros   I32 [groups, out · b / 32]  along the rows; one less than meant (modulo 2^b) but in v2
//   scales   [groups, out]
//   g_idx    I32 [in]                    the group of each input; absent: in order
//
// The width is that of the tensors, as layers may differ.
#include <algorithm>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/input_order.h"
#include "foreign/methods.h"
#include "foreign/word_zeros.h"

namespace lathe {
namespace {

struct Variant {
  int bits = 0;            // that the configuration names, 0: several
  std::int64_t group = 0;  // 0: the whole row
  bool one_less = true;    // v1
  bool ordered = false;    // by g_idx
};

Variant variant_of(const JsonView& config) {
  Variant out;
  out.bits = static_cast<int>(config.at("bits").as_int(2, 8));
  const std::int64_t group = config.get_int("group_size", -1, INT64_C(1) << 40).value_or(-1);
  out.group = std::max<std::int64_t>(group, 0);
  // Layers that differ: GPTQModel's and AutoRound's name for it.
  if (config.contains("dynamic") || config.contains("extra_config")) out.bits = 0;
  out.ordered = out.group > 0 && config.get_bool("desc_act").value_or(false);
  const std::string format = config.get_string("checkpoint_format").value_or("gptq");
  if (format != "gptq" && format != "gptq_v2") {
    fail_unsupported("{}: the checkpoint format {} of GPTQ is not read (gptq and gptq_v2 are)",
                     quoted(config.file()), quoted(format));
  }
  out.one_less = format == "gptq";
  return out;
}

// The width follows from the zero points: as many as scales.
int bits_of(const Parts& parts, const Part& zeros, const Part& scales, int wanted) {
  parts.require_matrix(scales);
  if (zeros.shape.size() != 2 || zeros.shape[0] != scales.shape[0]) {
    parts.fail(zeros, "has not as many groups as the scales");
  }
  for (const int bits : {2, 3, 4, 8}) {
    if (wanted != 0 && bits != wanted) continue;
    if (zeros.shape[1] * 32 == scales.shape[1] * bits) return bits;
  }
  parts.fail(zeros, "has {} words for {} columns, which are not {}", zeros.shape[1],
             scales.shape[1],
             wanted == 0 ? "2, 3, 4 or 8 bits each" : fmt::format("{} bits each", wanted));
}

void read_matrix(const Variant& variant, const std::string& stem, Parts& parts) {
  const Part codes = parts.take(stem + ".qweight");
  const Part zeros = parts.take(stem + ".qzeros");
  const Part scales = parts.take(stem + ".scales");
  parts.require_type(codes, {DType::kI32});
  parts.require_type(zeros, {DType::kI32});
  parts.require_scales(scales);
  parts.require_matrix(codes);
  AffineParts matrix;
  matrix.shape.bits = bits_of(parts, zeros, scales, variant.bits);
  matrix.shape.rows = scales.shape[1];
  if (codes.shape[1] != matrix.shape.rows || codes.shape[0] * 32 % matrix.shape.bits != 0) {
    parts.fail(codes, "has shape [{}], which is no matrix of {} bits with {} columns",
               fmt::join(codes.shape, ", "), matrix.shape.bits, matrix.shape.rows);
  }
  matrix.shape.cols = codes.shape[0] * 32 / matrix.shape.bits;
  const std::int64_t groups = scales.shape[0];
  matrix.group = variant.group == 0 ? matrix.shape.cols : variant.group;
  if (divide_up(matrix.shape.cols, matrix.group) != groups) {
    parts.fail(scales, "has {} groups of {} for {} inputs", groups, matrix.group,
               matrix.shape.cols);
  }
  matrix.order =
      take_order(stem + ".g_idx", matrix.shape.cols, matrix.group, variant.ordered, parts);
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.codes = codes_in_columns(matrix.shape, codes.bytes);
  matrix.scales = {scales.name, scales.bytes, scales.type, matrix.shape.rows, 1};
  const WordZeros points(zeros.bytes, matrix.shape.bits, zeros.shape[1], variant.one_less ? 1 : 0);
  if (!points.all_in_the_middle()) {
    matrix.zeros = ZeroPoints::kWhole;
    matrix.zero = [points](std::int64_t g, std::int64_t r) { return points.at(g, r); };
  }
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_gptq(const JsonView& config, Parts& parts) {
  const Variant variant = variant_of(config);
  for (const std::string& stem : parts.stems(".qweight")) read_matrix(variant, stem, parts);
}

}  // namespace lathe
