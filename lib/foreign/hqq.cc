// HQQ's folders: the matrix as lines of a group each, [out · in / g, g], of b bits, the first lines
// in the highest bits of the bytes:
//
//   W_q    U8 [lines · b / 8, g]
//   scale, zero   [lines, 1]: w = (q - zero) · scale, where zero is any number
//
// Besides, the options of the quantizer, as tensors of text or numbers.
#include <cstring>

#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/methods.h"

namespace lathe {
namespace {

constexpr const char* kOptions[] = {
    "axis",
    "channel_wise",
    "compute_dtype",
    "encoded_state_dict",
    "group_size",
    "nbits",
    "offload_meta",
    "optimize",
    "packing",
    "quant_scale",
    "quant_zero",
    "round_zero",
    "shape",
    "stores_quant_config",
    "unpack_view_dtype",
    "view_as_float",
};

std::int64_t number_at(const Part& part, std::size_t index) noexcept {
  std::int64_t wide = 0;
  std::int32_t narrow = 0;
  if (part.type == DType::kI64) {
    std::memcpy(&wide, part.bytes.data() + 8 * index, 8);
    return wide;
  }
  std::memcpy(&narrow, part.bytes.data() + 4 * index, 4);
  return narrow;
}

struct Options {
  int bits = 4;
  std::int64_t group = 0;
};

Options options_of(const JsonView& config) {
  const JsonView outer = config.contains("quant_config") ? config.at("quant_config") : config;
  const JsonView params = outer.at("weight_quant_params");
  Options out;
  out.bits = static_cast<int>(params.at("nbits").as_int(1, 8));
  out.group = params.get_int("group_size", 1, 1 << 20).value_or(0);
  if (params.get_int("axis").value_or(1) != 1) {
    fail_unsupported("{}: HQQ along axis 0 is not read; quantize with axis 1",
                     quoted(config.file()));
  }
  if (8 % out.bits != 0) {
    fail_unsupported("{}: HQQ of {} bits is not read (1, 2, 4 and 8 are)", quoted(config.file()),
                     out.bits);
  }
  return out;
}

void read_matrix(const Options& options, const std::string& stem, Parts& parts) {
  const Part codes = parts.take(stem + ".W_q");
  const Part scales = parts.take(stem + ".scale");
  const Part zeros = parts.take(stem + ".zero");
  const Part shape = parts.look(stem + ".shape");
  parts.require_type(codes, {DType::kU8});
  parts.require_scales(scales);
  parts.require_scales(zeros);
  parts.require_type(shape, {DType::kI64, DType::kI32});
  parts.require_shape(shape, std::vector<std::int64_t>{2});
  AffineParts matrix;
  matrix.shape = {number_at(shape, 0), number_at(shape, 1), options.bits};
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  if (matrix.shape.rows < 1 || matrix.shape.cols < 1 || matrix.shape.rows > kMost ||
      matrix.shape.cols > kMost) {
    parts.fail(shape, "is no size of a matrix");
  }
  matrix.group = options.group == 0 ? matrix.shape.cols : options.group;
  const std::int64_t elements = matrix.shape.rows * matrix.shape.cols;
  const std::int64_t lines = elements / matrix.group;
  if (matrix.shape.cols % matrix.group != 0 || lines % (8 / options.bits) != 0) {
    parts.fail(shape, "is no whole number of groups of {}", matrix.group);
  }
  parts.require_shape(codes, std::vector{lines * options.bits / 8, matrix.group});
  parts.require_shape(scales, std::vector<std::int64_t>{lines, 1});
  parts.require_shape(zeros, std::vector<std::int64_t>{lines, 1});
  const std::int64_t groups = matrix.shape.cols / matrix.group;
  matrix.file = parts.file();
  matrix.name = codes.name;
  matrix.codes = codes_in_layers(matrix.shape, matrix.group, false, codes.bytes);
  matrix.scales = {scales.name, scales.bytes, scales.type, 1, groups};
  matrix.scales_may_be_zero = true;
  const Factors points = {zeros.name, zeros.bytes, zeros.type, 1, groups};
  look_through(points, groups, matrix.shape.rows, parts.file());
  matrix.zeros = ZeroPoints::kReal;
  matrix.zero = [points](std::int64_t g, std::int64_t r) { return points.at(g, r); };
  for (const char* option : kOptions) parts.drop(stem + "." + option);
  parts.add(codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_hqq(const JsonView& config, Parts& parts) {
  const Options options = options_of(config);
  for (const std::string& stem : parts.stems(".W_q")) read_matrix(options, stem, parts);
}

}  // namespace lathe
