// What the packed schemes are: the one place from which kernels, layout, quantizer, names, messages
// and documents take it.
//
// A scheme says how a matrix in small integers is stored (packed_matrix.h says what the integers
// mean): a width of codes, a group of inputs that share a scale, the form of the scales, and
// whether there are minimums or a grid. A new width is a row of kCodeWidths; what each table does
// with it follows, and the tests go over all schemes that there are.
//
// Plain structs and constants only, as kernels include this; names and errors are in
// packed_names.h.
#pragma once

#include <cstdint>

namespace lathe {

// How codes of one width lie in lines of 64 bytes.
//
// Sixteen rows times four neighbouring inputs, a quad, are 64 codes. Their bits stand in planes,
// each a power of two wide: a line of a plane of p bits holds p bits of each of the 64 codes for
// 8/p quads, those of quad j of the line from bit p·j of each byte on. Two planes hold low and high
// bits. As few quads as fill the lines of both are a block:
//
//   width   planes   quads per block   lines: of the low plane, then of the high one
//     2       2            4             1
//     3       2 and 1      8             2, 1
//     4       4            2             1
//     5       4 and 1      8             4, 1
//     6       4 and 2      4             2, 1
//     8       8            1             1
//
// A group may be half of a block.
struct CodeWidth {
  std::uint8_t bits;
  std::uint8_t planes[2];  // bits of the low plane and of the high one, 0 without
  bool grid;               // whether codes may be positions of a grid of values
  bool whole_rows;         // whether quantize offers one scale for a whole row ("w8r")
};
inline constexpr CodeWidth kCodeWidths[] = {
    {.bits = 2, .planes = {2, 0}, .grid = true, .whole_rows = false},
    {.bits = 3, .planes = {2, 1}, .grid = true, .whole_rows = false},
    {.bits = 4, .planes = {4, 0}, .grid = true, .whole_rows = false},
    {.bits = 5, .planes = {4, 1}, .grid = false, .whole_rows = false},
    {.bits = 6, .planes = {4, 2}, .grid = false, .whole_rows = false},
    {.bits = 8, .planes = {8, 0}, .grid = false, .whole_rows = true},
};
inline constexpr int kCodeWidthCount = sizeof(kCodeWidths) / sizeof(kCodeWidths[0]);

// Neighbouring inputs of a row that may share a scale; besides, 0: the whole row.
inline constexpr std::int32_t kPackedGroups[] = {16, 32, 64, 128};
inline constexpr std::int32_t kSmallestGroup = 16;

// Inputs that may share a scale of the activations, a span: few cost the products an operation per
// span and sum, many let one outlier spoil its neighbours.
inline constexpr std::int32_t kActivationSpans[] = {32, 64, 128};

// Scales (and minimums): a half each; or a signed byte each, times a half per 256 inputs; or,
// beside a grid, an exponent e each, 0 … 254, for 2^(e - 127). With zero points a scale is a half,
// and its minimum an unsigned byte z, for -z · scale.
enum class ScaleForm : std::uint8_t { kHalf = 0, kTwoLevel = 1, kExponent = 2, kZeroPoint = 3 };
inline constexpr std::int64_t kPackedSuperGroup = 256;

// How one of those numbers is stored.
enum class FactorType : std::uint8_t { kHalf, kSigned, kExponent, kZero };
constexpr std::int64_t factor_bytes(FactorType type) noexcept {
  return type == FactorType::kHalf ? 2 : 1;
}

struct PackedScheme {
  std::uint8_t bits = 4;  // one of kCodeWidths
  std::int32_t group =
      64;  // one of kPackedGroups, a multiple of a block's inputs or half; 0: the whole row
  ScaleForm form = ScaleForm::kHalf;
  bool minimums = false;  // not together with a grid
  bool grid = false;      // where the width has one
  // Whether activations are two bytes each in place of one (QuantizedRows): beside 8 bits, without
  // minimums.
  bool wide_inputs = false;
  // Inputs per scale of the activations, one of kActivationSpans and a multiple of the group; 0: as
  // many as are implied (inputs_per_span()).
  std::int32_t span = 0;

  bool operator==(const PackedScheme&) const = default;
};

// Null for a width that there is not.
constexpr const CodeWidth* find_code_width(int bits) noexcept {
  for (const CodeWidth& width : kCodeWidths) {
    if (width.bits == bits) return &width;
  }
  return nullptr;
}

constexpr int block_quads(const CodeWidth& width) noexcept {
  const int low = 8 / width.planes[0];
  const int high = width.planes[1] == 0 ? 1 : 8 / width.planes[1];
  return low > high ? low : high;
}
constexpr int block_lines(const CodeWidth& width) noexcept {
  return block_quads(width) * width.bits / 8;
}
constexpr int block_inputs(const CodeWidth& width) noexcept { return 4 * block_quads(width); }

// Values of a grid.
constexpr int grid_values(int bits) noexcept { return 1 << bits; }

constexpr FactorType scale_values(const PackedScheme& scheme) noexcept {
  if (scheme.form == ScaleForm::kTwoLevel) return FactorType::kSigned;
  return scheme.form == ScaleForm::kExponent ? FactorType::kExponent : FactorType::kHalf;
}
constexpr FactorType minimum_values(const PackedScheme& scheme) noexcept {
  return scheme.form == ScaleForm::kZeroPoint ? FactorType::kZero : scale_values(scheme);
}

// The largest code, and the one that stands for 0 where there are no minimums.
constexpr int top_code(const PackedScheme& scheme) noexcept { return (1 << scheme.bits) - 1; }
constexpr int zero_code(const PackedScheme& scheme) noexcept {
  return scheme.minimums ? 0 : 1 << (scheme.bits - 1);
}

// Inputs per group of a matrix: one scale for the whole row is one for each span.
inline constexpr std::int64_t kWideSpan = 128;
inline constexpr std::int32_t kNarrowSpan = 32;
constexpr std::int64_t inputs_per_group(const PackedScheme& scheme) noexcept {
  return scheme.group == 0 ? kWideSpan : scheme.group;
}
// Inputs per span, one of kActivationSpans and a multiple of the group. What is implied where a
// scheme says nothing stays for the sake of files that are there.
constexpr std::int64_t inputs_per_span(const PackedScheme& scheme) noexcept {
  if (scheme.span != 0) return scheme.span;
  if (scheme.bits <= 4 || scheme.group == 0 || scheme.wide_inputs) return kWideSpan;
  return scheme.group < kNarrowSpan ? kNarrowSpan : scheme.group;
}

// The scheme with the span that quantize gives it: beside 128, w4g64 loses 0.4 to 1.7 % less by it.
inline constexpr std::int32_t kUsualSpan = 64;
constexpr PackedScheme with_usual_span(PackedScheme scheme) noexcept {
  if (scheme.bits <= 4 && scheme.group != 0 && scheme.group <= kUsualSpan) scheme.span = kUsualSpan;
  return scheme;
}

// Bytes per input.
constexpr std::int64_t input_planes(const PackedScheme& scheme) noexcept {
  return scheme.wide_inputs ? 2 : 1;
}

namespace packed_scheme_checks {

constexpr bool is_plane(int bits) noexcept {
  return bits == 1 || bits == 2 || bits == 4 || bits == 8;
}
constexpr bool widths_are_sound() noexcept {
  for (const CodeWidth& w : kCodeWidths) {
    const bool one = w.planes[1] == 0;
    if (!is_plane(w.planes[0]) || (!one && !is_plane(w.planes[1]))) return false;
    if (w.planes[0] + w.planes[1] != w.bits || w.bits > 8) return false;
    if (w.grid && w.bits > 4) return false;  // of sixteen values
  }
  return true;
}
static_assert(widths_are_sound());

}  // namespace packed_scheme_checks

}  // namespace lathe
