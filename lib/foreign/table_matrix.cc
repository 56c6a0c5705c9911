#include "foreign/table_matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "foreign/affine.h"
#include "foreign/factors.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 16;

struct Grid {
  std::array<std::int8_t, 16> values{};
  float step = 1.0f;  // table ≈ values · step
  bool exact = false;
};

Grid nearest_grid(const std::array<float, 16>& table) {
  float most = 0.0f;
  for (const float x : table) most = std::max(most, std::abs(x));
  Grid best;
  double least = INFINITY;
  for (int top = 1; top <= 127; ++top) {
    Grid grid;
    grid.step = most / static_cast<float>(top);
    double error = 0.0;
    for (std::size_t i = 0; i < table.size(); ++i) {
      const float value = std::nearbyint(table[i] / grid.step);
      grid.values[i] = static_cast<std::int8_t>(value);
      const double difference =
          static_cast<double>(value * grid.step) - static_cast<double>(table[i]);
      error += difference * difference;
    }
    if (error >= least) continue;
    least = error;
    best = grid;
    best.exact = error == 0.0;
  }
  return best;
}

class TableMatrix final : public ForeignMatrix {
 public:
  explicit TableMatrix(TableParts parts)
      : ForeignMatrix(parts.shape.rows, parts.shape.cols),
        parts_(std::move(parts)),
        group_(std::min(parts_.group, cols())),
        groups_(divide_up(cols(), group_)) {
    form_.scheme.grid = true;
    choose_layout(group_, cols(), 4, form_.scheme, parts_.file, parts_.name);
    const Grid grid = nearest_grid(parts_.table);
    form_.grid = grid.values;
    step_ = grid.step;
    FactorRange range;
    for (std::int64_t g = 0; g < groups_; ++g) {
      for (std::int64_t r = 0; r < rows(); ++r) range.add(parts_.scale(g, r) * step_);
    }
    require_finite(range, parts_.scales, parts_.file);
    form_.unit_exponent = FactorRange::unit_exponent(range.largest);
    form_.exact = grid.exact && range.are_halves(form_.unit_exponent);
  }

  void read_f32(std::int64_t first, std::int64_t count, float* out) const override {
    std::vector<std::uint32_t> quads(static_cast<std::size_t>(divide_up(cols(), 4) * kRows));
    for (std::int64_t r = 0; r < count; ++r) {
      parts_.codes->read(first + r, 1, quads.data());
      float* row = out + r * cols();
      for (std::int64_t k = 0; k < cols(); ++k) {
        const std::uint32_t quad = quads[static_cast<std::size_t>(k / 4 * kRows)];
        row[k] = parts_.table[quad >> (8 * (k % 4)) & 15u] * parts_.scale(k / group_, first + r);
      }
    }
  }

  void read_packed(std::int64_t first, std::int64_t count, ForeignRows& out) const override {
    parts_.codes->read(first, count, out.quads.data());
    const std::int64_t stored = form_.scheme.group == 0 ? 1 : divide_up(cols(), form_.scheme.group);
    const float unit = std::ldexp(1.0f, -form_.unit_exponent);
    for (std::int64_t s = 0; s < stored; ++s) {
      const std::int64_t g = s * form_.scheme.group / group_;
      for (std::int64_t r = 0; r < count; ++r) {
        out.scales[static_cast<std::size_t>(s * kRows + r)] =
            f32_to_f16(parts_.scale(g, first + r) * step_ * unit);
      }
    }
  }

 private:
  TableParts parts_;
  std::int64_t group_;   // of the file
  std::int64_t groups_;  // likewise
  float step_ = 1.0f;
};

}  // namespace

std::shared_ptr<const ForeignMatrix> make_table_matrix(TableParts parts) {
  const bool numbers = std::ranges::all_of(parts.table, [](float x) { return std::isfinite(x); });
  if (!numbers || std::ranges::all_of(parts.table, [](float x) { return x == 0.0f; })) {
    fail_invalid("{}: the matrix {} has a table of values without numbers", quoted(parts.file),
                 quoted(parts.name));
  }
  return std::make_shared<TableMatrix>(std::move(parts));
}

}  // namespace lathe
