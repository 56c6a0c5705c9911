// AWQ's folders, of 4 bits in groups of g, where the value is (code - zero) · scale:
//
//   gemm   qweight I32 [in, out / 8], qzeros I32 [groups, out / 8], in each word eight neighbouring
//          columns in the order 0, 2, 4, 6, 1, 3, 5, 7; scales [groups, out]
//   gemv   qweight I32 [out, in / 8], qzeros I32 [out, w], scales [out, 8 · w], in order, where w
//          has room for the groups and perhaps for more
#include <algorithm>

#include "base/ascii.h"
#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/methods.h"
#include "foreign/word_zeros.h"

namespace lathe {
namespace {

constexpr int kBits = 4;
constexpr std::int64_t kPerWord = 8;

struct Stored {
  Part codes, zeros, scales;
};

Stored take(const std::string& stem, Parts& parts) {
  Stored out = {parts.take(stem + ".qweight"), parts.take(stem + ".qzeros"),
                parts.take(stem + ".scales")};
  parts.require_type(out.codes, {DType::kI32});
  parts.require_type(out.zeros, {DType::kI32});
  parts.require_scales(out.scales);
  parts.require_matrix(out.codes);
  return out;
}

void read_gemm(std::int64_t group, const std::string& stem, Parts& parts) {
  const Stored stored = take(stem, parts);
  AffineParts matrix;
  matrix.shape = {stored.codes.shape[1] * kPerWord, stored.codes.shape[0], kBits};
  matrix.group = group == 0 ? matrix.shape.cols : group;
  const std::int64_t groups = divide_up(matrix.shape.cols, matrix.group);
  parts.require_shape(stored.zeros, std::vector{groups, stored.codes.shape[1]});
  parts.require_shape(stored.scales, std::vector{groups, matrix.shape.rows});
  matrix.file = parts.file();
  matrix.name = stored.codes.name;
  matrix.codes = codes_across_rows(matrix.shape, stored.codes.bytes);
  matrix.scales = {stored.scales.name, stored.scales.bytes, stored.scales.type, matrix.shape.rows,
                   1};
  const WordZeros points(stored.zeros.bytes, kBits, stored.codes.shape[1], 0);
  if (!points.all_in_the_middle()) {
    matrix.zeros = ZeroPoints::kWhole;
    matrix.zero = [points](std::int64_t g, std::int64_t r) {
      return points.at(g, r / kPerWord * kPerWord + nibble_of_row(static_cast<int>(r % kPerWord)));
    };
  }
  parts.add(stored.codes, stem, make_affine(std::move(matrix)));
}

void read_gemv(std::int64_t group, const std::string& stem, Parts& parts) {
  const Stored stored = take(stem, parts);
  AffineParts matrix;
  matrix.shape = {stored.codes.shape[0], stored.codes.shape[1] * kPerWord, kBits};
  matrix.group = group == 0 ? matrix.shape.cols : group;
  const std::int64_t groups = divide_up(matrix.shape.cols, matrix.group);
  const std::int64_t words = stored.zeros.shape.size() == 2 ? stored.zeros.shape[1] : 0;
  parts.require_shape(stored.zeros,
                      std::vector{matrix.shape.rows, std::max(words, divide_up(groups, kPerWord))});
  parts.require_shape(stored.scales, std::vector{matrix.shape.rows, words * kPerWord});
  matrix.file = parts.file();
  matrix.name = stored.codes.name;
  matrix.codes = codes_in_rows(matrix.shape, 0, stored.codes.bytes);
  matrix.scales = {stored.scales.name, stored.scales.bytes, stored.scales.type, 1,
                   words * kPerWord};
  const WordZeros points(stored.zeros.bytes, kBits, words, 0);
  matrix.zeros = ZeroPoints::kWhole;
  matrix.zero = [points](std::int64_t g, std::int64_t r) { return points.at(r, g); };
  parts.add(stored.codes, stem, make_affine(std::move(matrix)));
}

}  // namespace

void read_awq(const JsonView& config, Parts& parts) {
  const auto number = [&](const char* name, const char* older) {
    return config.get_int(config.contains(name) ? name : older, -1, INT64_C(1) << 40);
  };
  if (number("bits", "w_bit").value_or(kBits) != kBits) {
    fail_unsupported("{}: AWQ of other than 4 bits is not read", quoted(config.file()));
  }
  const std::int64_t group =
      std::max<std::int64_t>(number("group_size", "q_group_size").value_or(-1), 0);
  const std::string version = to_lower_ascii(config.get_string("version").value_or("gemm"));
  if (version != "gemm" && version != "gemv") {
    fail_unsupported("{}: AWQ's version {} is not read (gemm and gemv are)", quoted(config.file()),
                     quoted(version));
  }
  for (const std::string& stem : parts.stems(".qweight")) {
    (version == "gemm" ? read_gemm : read_gemv)(group, stem, parts);
  }
}

}  // namespace lathe
