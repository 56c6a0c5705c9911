// Folders of bitsandbytes.
//
//   4 bits   weight U8 [in · out / 2, 1], the matrix in one row, the first of two codes in the high
//            nibble; weight.quant_map F32 [16]; weight.absmax, a scale for each block of codes:
//            F32, or U8 places in weight.nested_quant_map F32 [256], times weight.nested_absmax F32
//            for each block of those, plus an offset; weight.quant_state.bitsandbytes__nf4 (or
//            fp4), the bytes of a JSON with "shape", "blocksize", "nested_blocksize",
//            "nested_offset"
//   int8     weight I8 [out, in], SCB F32 [out]: w = q · SCB / 127
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/methods.h"
#include "foreign/table_matrix.h"

namespace lathe {
namespace {

constexpr std::string_view kState = ".weight.quant_state.bitsandbytes__";

struct State {
  std::int64_t rows = 0, cols = 0, block = 0;
  std::int64_t nested_block = 0;
  float nested_offset = 0.0f;
};

State read_state(const std::string& stem, Parts& parts) {
  std::string name;
  for (const char* kind : {"nf4", "fp4"}) {
    name = stem + std::string(kState) + kind;
    if (parts.has(name)) break;
  }
  const Part part = parts.take(name);
  parts.require_type(part, {DType::kU8});
  const std::string where = parts.file() + ": " + part.name;
  constexpr JsonLimits kLimits = {.max_bytes = 64 << 10, .max_depth = 8};
  const nlohmann::json json = parse_json(
      {reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()}, where, kLimits);
  const JsonView view(json, where);
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  State out;
  const JsonView shape = view.at("shape");
  if (shape.size() != 2) shape.fail_here("is not the shape of a matrix");
  out.rows = shape.at(std::size_t{0}).as_int(1, kMost);
  out.cols = shape.at(std::size_t{1}).as_int(1, kMost);
  out.block = view.at("blocksize").as_int(1, 1 << 20);
  out.nested_block = view.get_int("nested_blocksize", 1, 1 << 20).value_or(256);
  out.nested_offset = static_cast<float>(view.get_double("nested_offset").value_or(0.0));
  return out;
}

float float_at(std::span<const std::byte> bytes, std::int64_t index) noexcept {
  float value;
  std::memcpy(&value, bytes.data() + 4 * index, sizeof(value));
  return value;
}

// The scale of block `index`.
std::function<float(std::int64_t)> scales_of(const std::string& stem, const State& state,
                                             std::int64_t blocks, const Part& absmax,
                                             Parts& parts) {
  parts.require_type(absmax, {DType::kF32, DType::kU8});
  parts.require_shape(absmax, std::vector{blocks});
  if (absmax.type == DType::kF32) {
    return [bytes = absmax.bytes](std::int64_t i) { return float_at(bytes, i); };
  }
  const Part outer = parts.take(stem + ".weight.nested_absmax");
  const Part map = parts.take(stem + ".weight.nested_quant_map");
  parts.require_type(outer, {DType::kF32});
  parts.require_type(map, {DType::kF32});
  parts.require_shape(outer, std::vector{divide_up(blocks, state.nested_block)});
  parts.require_shape(map, std::vector<std::int64_t>{256});
  return [codes = absmax.bytes, outer = outer.bytes, map = map.bytes, state](std::int64_t i) {
    const auto code = static_cast<std::int64_t>(codes[static_cast<std::size_t>(i)]);
    return float_at(map, code) * float_at(outer, i / state.nested_block) + state.nested_offset;
  };
}

void read_four_bits(const std::string& stem, Parts& parts) {
  const Part codes = parts.take(stem + ".weight");
  const Part absmax = parts.take(stem + ".weight.absmax");
  const Part map = parts.take(stem + ".weight.quant_map");
  const State state = read_state(stem, parts);
  parts.require_type(codes, {DType::kU8});
  parts.require_type(map, {DType::kF32});
  parts.require_shape(map, std::vector<std::int64_t>{16});
  const std::int64_t elements = state.rows * state.cols;
  if (static_cast<std::int64_t>(codes.bytes.size()) * 2 != elements) {
    parts.fail(codes, "has {} bytes for a matrix of {} x {}", codes.bytes.size(), state.rows,
               state.cols);
  }
  // Blocks that begin with rows, or hold whole ones.
  const bool in_rows = state.cols % state.block == 0;
  if ((!in_rows && state.block % state.cols != 0) || state.cols % 2 != 0) {
    fail_unsupported("{}: the tensor {} has blocks of {} across rows of {}, which are not read",
                     quoted(parts.file()), quoted(codes.name), state.block, state.cols);
  }
  const auto scale = scales_of(stem, state, divide_up(elements, state.block), absmax, parts);
  TableParts matrix;
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.scales = absmax.name;
  matrix.shape = {state.rows, state.cols, 4};
  matrix.group = in_rows ? state.block : state.cols;
  matrix.codes = codes_in_nibbles(matrix.shape, true, codes.bytes);
  for (std::size_t i = 0; i < 16; ++i) {
    matrix.table[i] = float_at(map.bytes, static_cast<std::int64_t>(i));
  }
  matrix.scale = [scale, state, group = matrix.group](std::int64_t g, std::int64_t r) {
    return scale((r * state.cols + g * group) / state.block);
  };
  parts.add(codes, stem, make_table_matrix(std::move(matrix)));
}

void read_int8(const std::string& stem, Parts& parts) {
  const Part codes = parts.take(stem + ".weight");
  const Part scales = parts.take(stem + ".SCB");
  parts.require_type(codes, {DType::kI8});
  parts.require_type(scales, {DType::kF32});
  parts.require_matrix(codes);
  parts.require_shape(scales, std::vector{codes.shape[0]});
  parts.drop(stem + ".weight_format");
  AffineParts matrix;
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.shape = {codes.shape[0], codes.shape[1], 8};
  matrix.group = codes.shape[1];
  matrix.codes = codes_in_bytes(matrix.shape, codes.bytes);
  matrix.scales = {.name = scales.name,
                   .bytes = scales.bytes,
                   .type = DType::kF32,
                   .row_step = 1,
                   .multiplier = 1.0f / 127.0f};
  matrix.scales_may_be_zero = true;  // of a row of zeros
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_bitsandbytes(const JsonView&, Parts& parts) {
  for (const std::string& stem : parts.stems(".weight.absmax")) read_four_bits(stem, parts);
  for (const std::string& stem : parts.stems(".SCB")) read_int8(stem, parts);
}

}  // namespace lathe
