// Choices of schemes against trying all of them.
#include "lathe/allocate.h"

#include <gtest/gtest.h>
#include <random>

#include "support/refusal.h"

namespace lathe {
namespace {

std::vector<MatrixChoices> random_matrices(std::size_t n, std::size_t choices, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<MatrixChoices> out(n);
  for (MatrixChoices& matrix : out) {
    const double scale = std::exp(static_cast<double>(random() % 1000) / 200.0) * 1e-4;
    const std::uint64_t size = 1000 + random() % 9000;
    for (std::size_t c = 0; c < choices; ++c) {
      const double noise = 1.0 + static_cast<double>(random() % 100) / 200.0;
      matrix.choices.push_back({"w" + std::to_string(c), size * (c + 2) + random() % 500,
                                scale * noise * std::pow(4.0, -static_cast<double>(c))});
    }
  }
  return out;
}

// The least loss for the bytes, by trying all.
double best_loss(std::span<const MatrixChoices> matrices, std::uint64_t most) {
  double best = INFINITY;
  std::vector<std::size_t> at(matrices.size(), 0);
  for (;;) {
    std::uint64_t bytes = 0;
    double loss = 0;
    for (std::size_t m = 0; m < at.size(); ++m) {
      bytes += matrices[m].choices[at[m]].bytes;
      loss += matrices[m].choices[at[m]].loss;
    }
    if (bytes <= most) best = std::min(best, loss);
    std::size_t m = 0;
    while (m < at.size() && ++at[m] == matrices[m].choices.size()) at[m++] = 0;
    if (m == at.size()) return best;
  }
}

TEST(Allocate, FindsWhatTryingAllFinds) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto matrices = random_matrices(8, 4, seed);
    for (const double share : {0.05, 0.3, 0.5, 0.8}) {
      std::uint64_t least = 0, most = 0;
      for (const MatrixChoices& m : matrices) {
        least += m.choices.front().bytes;
        most += m.choices.back().bytes;
      }
      const auto limit =
          least + static_cast<std::uint64_t>(share * static_cast<double>(most - least));
      const Allocation found = allocate_bytes(matrices, limit);
      EXPECT_LE(found.bytes, limit);
      EXPECT_LE(found.loss, best_loss(matrices, limit) * 1.0002) << seed << " " << share;
      // The other way round: as few bytes as these for that loss.
      const Allocation back = allocate_loss(matrices, found.loss * 1.0000001);
      EXPECT_LE(back.loss, found.loss * 1.000001);
      EXPECT_LE(static_cast<double>(back.bytes), static_cast<double>(found.bytes) * 1.0002);
    }
  }
}

TEST(Allocate, ChoosesForManyMatricesAndTheCurveOnlyFalls) {
  const auto matrices = random_matrices(400, 12, 3);
  const auto curve = allocation_curve(matrices, 20);
  ASSERT_GT(curve.size(), 10u);
  for (std::size_t i = 1; i < curve.size(); ++i) {
    EXPECT_GT(curve[i].bytes, curve[i - 1].bytes);
    EXPECT_LT(curve[i].loss, curve[i - 1].loss);
  }
}

TEST(Allocate, SaysWhenNothingFits) {
  const auto matrices = random_matrices(3, 3, 1);
  test::expect_refused(ErrorCode::kUsage, "at least", [&] { allocate_bytes(matrices, 10); });
  test::expect_refused(ErrorCode::kUsage, "the best schemes lose",
                       [&] { allocate_loss(matrices, 0.0); });
}

}  // namespace
}  // namespace lathe
