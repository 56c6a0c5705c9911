// Folders of compressed-tensors, as LLM Compressor writes them, in any of
// its formats, which may differ from layer to layer:
//
//   packed   weight_packed I32 [out, words], q + 2^(b - 1), low bits first: without gaps, or since
//            some writers of widths other than 4 and 8 in 2025 as many whole ones as fit a word;
//            weight_shape [2]; weight_zero_point I32, likewise down the columns, [words, groups]
//   int8     weight I8 [out, in]; weight_zero_point I8 like the scales
//   FP8      weight F8_E4M3; MXFP8: with exponents as scales
//   NVFP4    weight_packed U8 [out, in / 2] of E2M1, weight_scale F8_E4M3 [out, in / 16], divided
//   by
//            weight_global_scale F32; MXFP4: exponents [out, in / 32], and nothing that divides
//   all      weight_scale [out, groups], [out, 1] or [1]; weight_g_idx as GPTQ's
//
// Width and group follow from the shapes, since layers may differ; scales of activations are not
// used, as activations are quantized here anyhow.
#include <algorithm>
#include <cstring>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/float8.h"
#include "foreign/input_order.h"
#include "foreign/methods.h"
#include "foreign/word_zeros.h"

namespace lathe {
namespace {

// Of activations and caches.
constexpr const char* kUnused[] = {
    ".input_scale",        ".input_zero_point", ".output_scale", ".output_zero_point",
    ".input_global_scale", ".k_scale",          ".v_scale",
};

struct Block {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

// That of the first group that has one.
Block block_of(const JsonView& config) {
  Block out;
  const auto groups = config.find("config_groups");
  if (!groups) return out;
  groups->for_each([&](const std::string&, const JsonView& group) {
    const auto weights = group.find("weights");
    const auto block = weights ? weights->find("block_structure") : std::nullopt;
    if (!block || out.rows != 0) return;
    if (block->size() != 2) block->fail_here("is not the size of a block");
    out.rows = block->at(std::size_t{0}).as_int(1, 1 << 20);
    out.cols = block->at(std::size_t{1}).as_int(1, 1 << 20);
  });
  return out;
}

// What all groups of the configuration say, so that it holds for every matrix.
struct Needed {
  bool zeros = true;
  bool order = true;
};

Needed needed_by(const JsonView& config) {
  const auto groups = config.find("config_groups");
  if (!groups || groups->size() == 0) return {false, false};
  Needed out;
  groups->for_each([&](const std::string&, const JsonView& group) {
    const auto weights = group.find("weights");
    out.zeros = out.zeros && weights && !weights->get_bool("symmetric").value_or(true);
    out.order = out.order && weights && weights->get_string("actorder").value_or("") == "group";
  });
  return out;
}

struct Width {
  int bits;
  int per_word;  // 0: without gaps
};

// That of a row of `cols` codes in `words` words.
Width width_of(const Parts& parts, const Part& codes, std::int64_t cols, std::int64_t words) {
  for (int bits = 1; bits <= 8; ++bits) {
    if (words_of(cols, bits, 0) == words) return {bits, 0};
  }
  for (int bits = 1; bits <= 8; ++bits) {
    if (words_of(cols, bits, 32 / bits) == words) return {bits, 32 / bits};
  }
  parts.fail(codes, "has rows of {} words for {} codes, which are not 1 to 8 bits each", words,
             cols);
}

// The sizes of a matrix that are stored as numbers.
std::pair<std::int64_t, std::int64_t> stored_shape(const Parts& parts, const Part& shape) {
  parts.require_type(shape, {DType::kI64, DType::kI32});
  parts.require_shape(shape, std::vector<std::int64_t>{2});
  const auto size = static_cast<std::size_t>(dtype_info(shape.type).bytes);
  std::int64_t sizes[2] = {};
  for (std::size_t i = 0; i < 2; ++i) {
    std::int32_t narrow = 0;
    if (size == 8) {
      std::memcpy(&sizes[i], shape.bytes.data() + 8 * i, 8);
    } else {
      std::memcpy(&narrow, shape.bytes.data() + 4 * i, 4);
      sizes[i] = narrow;
    }
    constexpr std::int64_t kMost = std::int64_t{1} << 32;
    if (sizes[i] < 1 || sizes[i] > kMost) parts.fail(shape, "holds a size of {}", sizes[i]);
  }
  return {sizes[0], sizes[1]};
}

// Scales [rows, groups], or one for all rows. Sets the group.
Factors scales_of(const Parts& parts, const Part& scales, AffineParts& matrix) {
  parts.require_scales(scales);
  const std::int64_t rows = matrix.shape.rows;
  const bool one = scales.shape == std::vector<std::int64_t>{1} || scales.shape.empty();
  const bool fits = scales.shape.size() == 2 && scales.shape[0] == rows && scales.shape[1] >= 1;
  if (!one && !fits) {
    parts.fail(scales, "has shape [{}], which are no scales of {} rows",
               fmt::join(scales.shape, ", "), rows);
  }
  const std::int64_t groups = one ? 1 : scales.shape[1];
  matrix.group = divide_up(matrix.shape.cols, groups);
  if (matrix.shape.cols % groups != 0) {
    parts.fail(scales, "has {} groups, which do not divide {} inputs", groups, matrix.shape.cols);
  }
  return {scales.name, scales.bytes, scales.type, groups == 1 ? 0 : 1, one ? 0 : groups};
}

void read_packed(const std::string& stem, Needed needed, Parts& parts) {
  const Part codes = parts.take(stem + ".weight_packed");
  const Part scales = parts.take(stem + ".weight_scale");
  const Part shape = parts.take(stem + ".weight_shape");
  parts.require_type(codes, {DType::kI32});
  parts.require_matrix(codes);
  AffineParts matrix;
  const auto [rows, cols] = stored_shape(parts, shape);
  if (codes.shape[0] != rows) {
    parts.fail(codes, "has shape [{}], which are not {} rows", fmt::join(codes.shape, ", "), rows);
  }
  const Width width = width_of(parts, codes, cols, codes.shape[1]);
  matrix.shape = {rows, cols, width.bits};
  matrix.scales = scales_of(parts, scales, matrix);
  matrix.order = take_order(stem + ".weight_g_idx", cols, matrix.group, needed.order, parts);
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.codes = codes_in_rows(matrix.shape, width.per_word, codes.bytes);
  if (needed.zeros || parts.has(stem + ".weight_zero_point")) {
    const Part zeros = parts.take(stem + ".weight_zero_point");
    const std::int64_t groups = cols / matrix.group;
    parts.require_type(zeros, {DType::kI32});
    parts.require_shape(zeros, std::vector{words_of(rows, width.bits, width.per_word), groups});
    if (width.per_word != 0) {
      fail_unsupported("{}: the tensor {} is packed with gaps, which is not read of zero points",
                       quoted(parts.file()), quoted(zeros.name));
    }
    const WordZeros points(zeros.bytes, width.bits, 1, 0, groups);
    matrix.zeros = ZeroPoints::kWhole;
    matrix.zero = [points](std::int64_t g, std::int64_t r) { return points.at(g, r); };
  }
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

void read_bytes(const std::string& stem, Needed needed, Parts& parts) {
  const Part codes = parts.take(stem + ".weight");
  const Part scales = parts.take(stem + ".weight_scale");
  parts.require_matrix(codes);
  AffineParts matrix;
  matrix.shape = {codes.shape[0], codes.shape[1], 8};
  matrix.scales = scales_of(parts, scales, matrix);
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.codes = codes_in_bytes(matrix.shape, codes.bytes);
  if (needed.zeros || parts.has(stem + ".weight_zero_point")) {
    const Part zeros = parts.take(stem + ".weight_zero_point");
    parts.require_type(zeros, {DType::kI8});
    parts.require_shape(zeros, scales.shape);
    const std::int64_t row_step = matrix.scales.row_step;
    matrix.zeros = ZeroPoints::kWhole;
    matrix.zero = [bytes = zeros.bytes, row_step](std::int64_t g, std::int64_t r) {
      const auto at = static_cast<std::size_t>(r * row_step + (row_step == 0 ? 0 : g));
      return static_cast<float>(static_cast<std::int8_t>(bytes[at])) + 128.0f;
    };
  }
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_compressed_tensors(const JsonView& config, Parts& parts) {
  const Block block = block_of(config);
  const Needed needed = needed_by(config);
  for (const std::string& stem : parts.stems(".weight_packed")) {
    if (parts.look(stem + ".weight_packed").type != DType::kU8) {
      read_packed(stem, needed, parts);
      continue;
    }
    // NVFP4 has one more scale, for the whole; MXFP4's are bytes of exponents.
    const std::string whole = stem + ".weight_global_scale";
    const bool nvfp4 = is_float8(parts.look(stem + ".weight_scale"));
    read_float4(stem, stem + ".weight_packed", nvfp4 || parts.has(whole) ? whole : "", true, parts);
  }
  for (const std::string& stem : parts.stems(".weight_scale")) {
    if (!parts.has(stem + ".weight")) continue;
    const Part weight = parts.look(stem + ".weight");
    if (weight.type == DType::kI8) read_bytes(stem, needed, parts);
    if (!is_float8(weight)) continue;
    const Part scales = parts.look(stem + ".weight_scale");
    const bool blocks = block.rows > 0 && weight.shape.size() == 2 &&
                        scales.shape == std::vector{divide_up(weight.shape[0], block.rows),
                                                    divide_up(weight.shape[1], block.cols)};
    read_float8(stem, scales.name, blocks ? block.rows : 0, block.cols, parts);
  }
  for (const char* unused : kUnused) {
    for (const std::string& stem : parts.stems(unused)) parts.drop(stem + unused);
  }
}

}  // namespace lathe
