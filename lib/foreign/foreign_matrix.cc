#include "foreign/foreign_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/divide_up.h"
#include "base/fail.h"
#include "foreign/lazy_packed.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 16;

std::size_t lanes(std::int64_t n) { return static_cast<std::size_t>(n * kRows); }

class SelectedRows final : public ForeignMatrix {
 public:
  SelectedRows(std::shared_ptr<const ForeignMatrix> matrix, std::vector<std::int64_t> order)
      : ForeignMatrix(static_cast<std::int64_t>(order.size()), matrix->cols()),
        matrix_(std::move(matrix)),
        order_(std::move(order)) {
    form_ = matrix_->form();
  }

  void read_f32(std::int64_t first, std::int64_t count, float* out) const override {
    for (std::int64_t r = 0; r < count;) {
      const std::int64_t run = run_of(first + r, count - r);
      matrix_->read_f32(row(first + r), run, out + r * cols());
      r += run;
    }
  }

  void read_packed(std::int64_t first, std::int64_t count, ForeignRows& out) const override {
    if (run_of(first, count) == count) return matrix_->read_packed(row(first), count, out);
    ForeignRows part(form_, cols());
    for (std::int64_t r = 0; r < count;) {
      const std::int64_t run = run_of(first + r, count - r);
      matrix_->read_packed(row(first + r), run, part);
      move_lanes(part.quads, run, out.quads, r);
      move_lanes(part.scales, run, out.scales, r);
      move_lanes(part.minimums, run, out.minimums, r);
      move_lanes(part.zeros, run, out.zeros, r);
      r += run;
    }
  }

 private:
  std::int64_t row(std::int64_t r) const { return order_[static_cast<std::size_t>(r)]; }
  // How many rows from `first` on are neighbours in the matrix as well.
  std::int64_t run_of(std::int64_t first, std::int64_t most) const {
    std::int64_t run = 1;
    while (run < most && row(first + run) == row(first) + run) ++run;
    return run;
  }
  template <typename T>
  static void move_lanes(const std::vector<T>& from, std::int64_t count, std::vector<T>& to,
                         std::int64_t at) {
    for (std::size_t i = 0; i < from.size(); i += lanes(1)) {
      std::copy_n(from.data() + i, count, to.data() + i + at);
    }
  }

  std::shared_ptr<const ForeignMatrix> matrix_;
  std::vector<std::int64_t> order_;
};

}  // namespace

ForeignMatrix::~ForeignMatrix() = default;

ForeignRows::ForeignRows(const ForeignForm& form, std::int64_t cols) {
  const std::int64_t groups = form.scheme.group == 0 ? 1 : divide_up(cols, form.scheme.group);
  quads.resize(lanes(divide_up(cols, 4)));
  scales.resize(lanes(groups));
  if (!form.scheme.minimums) return;
  if (form.scheme.form == ScaleForm::kZeroPoint) {
    zeros.resize(lanes(groups));
  } else {
    minimums.resize(lanes(groups));
  }
}

PackedTile ForeignRows::tile() const noexcept {
  PackedTile out;
  out.quads = quads.data();
  out.scales.halves = scales.data();
  if (!minimums.empty()) out.minimums.halves = minimums.data();
  if (!zeros.empty()) out.minimums.bytes = reinterpret_cast<const std::int8_t*>(zeros.data());
  return out;
}

std::shared_ptr<const ForeignMatrix> select_rows(std::shared_ptr<const ForeignMatrix> matrix,
                                                 std::vector<std::int64_t> order) {
  return std::make_shared<SelectedRows>(std::move(matrix), std::move(order));
}

std::uint64_t packed_bytes(const ForeignMatrix& matrix) {
  const auto bytes = packed_bytes(matrix.form().scheme, matrix.rows(), matrix.cols(),
                                  !matrix.form().order.empty());
  if (!bytes) fail(ErrorCode::kLimit, "a matrix of {} x {}", matrix.rows(), matrix.cols());
  return *bytes;
}

ForeignPacker::ForeignPacker(const ForeignMatrix& matrix, std::span<std::byte> out)
    : matrix_(matrix),
      writer_(matrix.form().scheme, matrix.rows(), matrix.cols(), matrix.form().unit_exponent,
              matrix.form().grid, out, matrix.form().order) {}

void ForeignPacker::pack(std::int64_t first, std::int64_t last) {
  ForeignRows rows(matrix_.form(), matrix_.cols());
  for (std::int64_t tile = first; tile < last; ++tile) {
    const std::int64_t row = tile * kRows;
    const std::int64_t count = std::min(kRows, matrix_.rows() - row);
    if (count < kRows) rows = ForeignRows(matrix_.form(), matrix_.cols());  // the rest stays zero
    matrix_.read_packed(row, count, rows);
    writer_.set_tile(tile, rows.tile());
  }
}

double packed_sqnr(const ForeignMatrix& matrix, std::int64_t first) {
  const std::int64_t count = std::min(kRows, matrix.rows() - first);
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t r = 0; r < count; ++r) order[static_cast<std::size_t>(r)] = first + r;
  // Not owned here, and not outlived.
  const std::shared_ptr<const ForeignMatrix> all(&matrix, [](const ForeignMatrix*) {});
  const LazyPacked copy(select_rows(all, std::move(order)));
  const PackedMatrix packed = parse_packed(copy.bytes(), "the rows");
  const auto cols = static_cast<std::size_t>(matrix.cols());
  std::vector<float> is(cols), was(cols);
  double signal = 0.0;
  double error = 0.0;
  for (std::int64_t r = 0; r < count; ++r) {
    matrix.read_f32(first + r, 1, was.data());
    unpack_row(packed, r, is.data());
    to_input_order(packed_order(copy.bytes()), is.data());
    for (std::size_t c = 0; c < cols; ++c) {
      const double difference = static_cast<double>(is[c]) - static_cast<double>(was[c]);
      signal += static_cast<double>(was[c]) * static_cast<double>(was[c]);
      error += difference * difference;
    }
  }
  if (error == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / error);
}

}  // namespace lathe
