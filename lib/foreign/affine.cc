#include "foreign/affine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tensor/float16.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 16;

class AffineMatrix final : public ForeignMatrix {
 public:
  explicit AffineMatrix(AffineParts parts)
      : ForeignMatrix(parts.shape.rows, parts.shape.cols),
        parts_(std::move(parts)),
        group_(std::min(parts_.group, cols())),
        groups_(divide_up(cols(), group_)),
        middle_(static_cast<float>(1 << (parts_.shape.bits - 1))) {
    form_.order = parts_.order;
    choose_scheme();
    choose_unit();
  }

  void read_f32(std::int64_t first, std::int64_t count, float* out) const override {
    std::vector<std::uint32_t> quads(static_cast<std::size_t>(divide_up(cols(), 4) * kRows));
    CodesAhead ahead;
    for (std::int64_t at = 0; at < count; at += kRows) {
      const std::int64_t now = std::min(kRows, count - at);
      read_places(first + at, now, quads, ahead);
      for (std::int64_t r = 0; r < now; ++r) {
        float* row = out + (at + r) * cols();
        for (std::int64_t g = 0; g < groups_; ++g) {
          const float scale = parts_.scales.at(g, first + at + r);
          const float zero = zero_of(g, first + at + r);
          const std::int64_t end = std::min(cols(), (g + 1) * group_);
          for (std::int64_t k = g * group_; k < end; ++k) {
            const std::uint32_t quad = quads[static_cast<std::size_t>(k / 4 * kRows + r)];
            row[k] = (static_cast<float>(quad >> (8 * (k % 4)) & 255u) - zero) * scale;
          }
        }
        to_input_order(form_.order, row);
      }
    }
  }

  void read_packed(std::int64_t first, std::int64_t count, ForeignRows& out) const override {
    read_places(first, count, out.quads, out.ahead);
    const std::int64_t stored = form_.scheme.group == 0 ? 1 : divide_up(cols(), form_.scheme.group);
    const float unit = std::ldexp(1.0f, -form_.unit_exponent);
    for (std::int64_t s = 0; s < stored; ++s) {
      const std::int64_t g = s * form_.scheme.group / group_;
      if (as_they_are_) {
        const std::int64_t from = (g * parts_.scales.group_step + first) * 2;
        std::memcpy(out.scales.data() + s * kRows, parts_.scales.bytes.data() + from,
                    static_cast<std::size_t>(2 * count));
      }
      for (std::int64_t r = 0; r < count; ++r) {
        const auto at = static_cast<std::size_t>(s * kRows + r);
        if (!out.zeros.empty()) {
          out.zeros[at] = static_cast<std::uint8_t>(zero_of(g, first + r));
        }
        if (as_they_are_) continue;
        const float scale = parts_.scales.at(g, first + r) * unit;
        out.scales[at] = f32_to_f16(scale);
        if (!out.minimums.empty()) {
          out.minimums[at] = f32_to_f16(-scale * zero_of(g, first + r));
        }
      }
    }
    if (shifted_) shift_codes(out.quads);
  }

 private:
  float zero_of(std::int64_t group, std::int64_t row) const {
    return parts_.zeros == ZeroPoints::kMiddle ? middle_ : parts_.zero(group, row);
  }

  // Codes by places, not by inputs.
  void read_places(std::int64_t first, std::int64_t count, std::vector<std::uint32_t>& quads,
                   CodesAhead& ahead) const {
    if (form_.order.empty()) return parts_.codes->read_next(first, count, quads.data(), ahead);
    std::vector<std::uint32_t> inputs(quads.size());
    parts_.codes->read_next(first, count, inputs.data(), ahead);
    for (std::size_t place = 0; place < form_.order.size(); ++place) {
      const std::size_t input = form_.order[place];
      const std::uint32_t* from = inputs.data() + input / 4 * kRows;
      std::uint32_t* to = quads.data() + place / 4 * kRows;
      const auto down = static_cast<unsigned>(8 * (input % 4));
      const auto up = static_cast<unsigned>(8 * (place % 4));
      for (std::int64_t r = 0; r < kRows; ++r) {
        const std::uint32_t others = place % 4 == 0 ? 0u : to[r];
        to[r] = others | (from[r] >> down & 255u) << up;
      }
    }
  }

  void choose_scheme() {
    const int bits = parts_.shape.bits;
    form_.scheme.minimums = parts_.zeros != ZeroPoints::kMiddle;
    if (parts_.zeros == ZeroPoints::kWhole) form_.scheme.form = ScaleForm::kZeroPoint;
    choose_layout(group_, cols(), bits, form_.scheme, parts_.file, parts_.name);
    shifted_ = !form_.scheme.minimums && form_.scheme.bits != bits;
  }

  void choose_unit() {
    const FactorRange range = look_through(parts_.scales, groups_, rows(), parts_.file);
    if (range.largest == 0.0f || (range.any_zero && !parts_.scales_may_be_zero)) {
      fail_invalid("{}: the tensor {} holds a scale of zero", quoted(parts_.file),
                   quoted(parts_.scales.name));
    }
    const bool rounded = form_.scheme.minimums && minimum_values(form_.scheme) == FactorType::kHalf;
    form_.exact = !rounded;
    const bool halves = parts_.scales.type == DType::kF16 && !parts_.scales.inverse &&
                        parts_.scales.multiplier == 1.0f;
    if (halves && !rounded) {
      as_they_are_ = parts_.scales.row_step == 1 && parts_.scales.row_block == 1;
      return;
    }
    const float most = rounded ? range.largest * largest_zero() : range.largest;
    form_.unit_exponent = FactorRange::unit_exponent(most);
    form_.exact = form_.exact && range.are_halves(form_.unit_exponent);
  }

  // At least one.
  float largest_zero() const {
    float most = 1.0f;
    for (std::int64_t g = 0; g < groups_; ++g) {
      for (std::int64_t r = 0; r < rows(); ++r) most = std::max(most, std::abs(zero_of(g, r)));
    }
    return most;
  }

  // Adds what makes the scheme's zero of the middle; nothing is carried from code to code.
  void shift_codes(std::vector<std::uint32_t>& quads) const {
    const auto by =
        static_cast<std::uint32_t>(zero_code(form_.scheme)) - static_cast<std::uint32_t>(middle_);
    for (std::uint32_t& quad : quads) quad += 0x01010101u * by;
  }

  AffineParts parts_;
  std::int64_t group_;   // of the file
  std::int64_t groups_;  // likewise
  float middle_;
  bool shifted_ = false;
  bool as_they_are_ = false;  // scales are halves, those of a group side by side
};

}  // namespace

void choose_layout(std::int64_t group, std::int64_t cols, int bits, PackedScheme& scheme,
                   const std::string& file, const std::string& name) {
  for (const CodeWidth& width : kCodeWidths) {
    if (width.bits < bits) continue;
    scheme.bits = width.bits;
    scheme.group = 0;
    if (group >= cols) return;
    for (auto known = std::rbegin(kPackedGroups); known != std::rend(kPackedGroups); ++known) {
      scheme.group = *known;
      if (group % *known != 0 || packed_scheme_error(scheme)) continue;
      scheme = with_usual_span(scheme);
      return;
    }
  }
  fail_unsupported("{}: the tensor {} has groups of {} inputs, which is no multiple of {}",
                   quoted(file), quoted(name), group, kPackedGroups[0]);
}

std::shared_ptr<const ForeignMatrix> make_affine(AffineParts parts) {
  if (parts.group <= 0 || parts.shape.bits < 1 || parts.shape.bits > 8) {
    fail(ErrorCode::kBug, "a matrix of {} bits in groups of {}", parts.shape.bits, parts.group);
  }
  return std::make_shared<AffineMatrix>(std::move(parts));
}

}  // namespace lathe
