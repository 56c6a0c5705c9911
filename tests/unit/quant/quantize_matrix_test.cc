#include "quant/quantize_matrix.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <random>

#include "lathe/error.h"

#include "support/aligned_bytes.h"
#include "support/pack_nearest.h"
#include "support/random_matrix.h"

namespace lathe {
namespace {

using test::Matrix;
using test::random_matrix;

std::vector<PackedScheme> schemes() {
  return {{4, 32, ScaleForm::kHalf, false, false},     {4, 64, ScaleForm::kHalf, false, false},
          {4, 128, ScaleForm::kHalf, true, false},     {4, 32, ScaleForm::kTwoLevel, false, false},
          {4, 32, ScaleForm::kTwoLevel, true, false},  {8, 32, ScaleForm::kHalf, false, false},
          {8, 0, ScaleForm::kHalf, false, false},      {8, 64, ScaleForm::kHalf, true, false},
          {4, 64, ScaleForm::kHalf, false, true},      {4, 32, ScaleForm::kTwoLevel, false, true},
          {5, 32, ScaleForm::kTwoLevel, false, false}, {6, 32, ScaleForm::kHalf, false, false},
          {6, 16, ScaleForm::kTwoLevel, true, false},  {2, 16, ScaleForm::kTwoLevel, false, true},
          {2, 16, ScaleForm::kHalf, true, false},      {3, 32, ScaleForm::kHalf, false, true},
          {3, 16, ScaleForm::kTwoLevel, false, false}, {3, 32, ScaleForm::kTwoLevel, true, false}};
}

TEST(QuantizeMatrix, UnpacksToWhatTheReportSays) {
  for (const PackedScheme& scheme : schemes()) {
    for (const auto& [rows, cols] : {std::pair{64, 256}, {17, 172}, {5, 33}, {1, 1}}) {
      const Matrix m = random_matrix(rows, cols);
      const test::AlignedBytes out(*packed_bytes(scheme, rows, cols));
      ThreadPool pool(2);
      const MatrixError e = quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
      const PackedMatrix packed = view_packed(out.bytes, "test");
      double signal = 0.0, error = 0.0;
      std::vector<float> row(static_cast<std::size_t>(cols));
      for (std::int64_t r = 0; r < rows; ++r) {
        unpack_row(packed, r, row.data());
        for (std::int64_t k = 0; k < cols; ++k) {
          const double w = m.w[static_cast<std::size_t>(r * cols + k)];
          const double d = w - row[static_cast<std::size_t>(k)];
          signal += w * w;
          error += d * d;
        }
      }
      EXPECT_NEAR(e.signal, signal, 1e-4 * signal);
      EXPECT_NEAR(e.error, error, 1e-3 * error + 1e-12) << "bits " << int(scheme.bits);
      const double least = 18.0 + (scheme.bits < 4 ? 5.5 : 4.5) * (scheme.bits - 4);
      if (rows * cols > 1000) {
        EXPECT_GT(e.sqnr(), least) << "group " << scheme.group;
      }
    }
  }
}

TEST(QuantizeMatrix, IsTheSameForEveryNumberOfThreads) {
  for (const PackedScheme& scheme : schemes()) {
    const Matrix m = random_matrix(100, 172);
    const std::size_t bytes = *packed_bytes(scheme, 100, 172);
    const test::AlignedBytes expected(bytes);
    ThreadPool one(1);
    quantize_matrix(scheme, m.source(), {}, one, expected.bytes);
    for (const int threads : {2, 3, 8}) {
      ThreadPool pool(threads);
      const test::AlignedBytes out(bytes);
      quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
      EXPECT_TRUE(std::equal(out.bytes.begin(), out.bytes.end(), expected.bytes.begin()));
    }
  }
}

TEST(QuantizeMatrix, SearchBeatsRoundingToNearest) {
  const PackedScheme scheme{4, 64, ScaleForm::kHalf, false, false};
  const Matrix m = random_matrix(64, 256);
  const std::size_t bytes = *packed_bytes(scheme, 64, 256);
  const test::AlignedBytes searched(bytes), nearest(bytes);
  ThreadPool pool(1);
  const double error = quantize_matrix(scheme, m.source(), {}, pool, searched.bytes).error;
  test::pack_nearest(scheme, m.w.data(), 64, 256, std::array<std::int8_t, 16>{}, nearest.bytes);
  const PackedMatrix packed = view_packed(nearest.bytes, "nearest");
  double nearest_error = 0.0;
  std::vector<float> row(256);
  for (std::int64_t r = 0; r < 64; ++r) {
    unpack_row(packed, r, row.data());
    for (std::size_t k = 0; k < 256; ++k) {
      const double d = m.w[static_cast<std::size_t>(r) * 256 + k] - row[k];
      nearest_error += d * d;
    }
  }
  EXPECT_LT(error, 0.95 * nearest_error);
}

TEST(QuantizeMatrix, ImportantInputsLoseLess) {
  const PackedScheme scheme{4, 128, ScaleForm::kHalf, false, false};
  const Matrix m = random_matrix(64, 128);
  std::vector<float> importance(128, 0.01f);
  for (std::size_t k = 0; k < 16; ++k) importance[k] = 100.0f;
  const auto error_of_first = [&](std::span<const float> weights) {
    const test::AlignedBytes out(*packed_bytes(scheme, 64, 128));
    ThreadPool pool(1);
    quantize_matrix(scheme, m.source(), {weights}, pool, out.bytes);
    const PackedMatrix packed = view_packed(out.bytes, "test");
    double error = 0.0;
    std::vector<float> row(128);
    for (std::int64_t r = 0; r < 64; ++r) {
      unpack_row(packed, r, row.data());
      for (std::size_t k = 0; k < 16; ++k) {
        const double d = m.w[static_cast<std::size_t>(r) * 128 + k] - row[k];
        error += d * d;
      }
    }
    return error;
  };
  EXPECT_LT(error_of_first(importance), 0.8 * error_of_first({}));
}

TEST(QuantizeMatrix, RefusesWeightsThatAreNoNumbers) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Matrix m = random_matrix(40, 64);
    m.w[64 * 20 + 3] = bad;
    const PackedScheme scheme{4, 64, ScaleForm::kHalf, false, false};
    const test::AlignedBytes out(*packed_bytes(scheme, 40, 64));
    ThreadPool pool(2);
    try {
      quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalid);
      EXPECT_NE(e.message().find("rows 16 to 31"), std::string::npos) << e.message();
    }
  }
}

TEST(QuantizeMatrix, KeepsTinyAndHugeMatrices) {
  for (const float factor : {1e-30f, 1e-10f, 1e10f, 1e25f}) {
    Matrix m = random_matrix(32, 64);
    for (float& w : m.w) w *= factor;
    for (const PackedScheme& scheme : schemes()) {
      const test::AlignedBytes out(*packed_bytes(scheme, 32, 64));
      ThreadPool pool(1);
      const PackedMatrix packed = [&] {
        quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
        return view_packed(out.bytes, "test");
      }();
      std::vector<float> row(64);
      unpack_row(packed, 3, row.data());
      for (std::size_t k = 0; k < 64; ++k) {
        EXPECT_NEAR(row[k] / factor, m.w[64 * 3 + k] / factor,
                    scheme.bits == 2   ? 0.03f
                    : scheme.bits == 3 ? 0.016f
                                       : 0.008f)
            << factor;
      }
    }
  }
}

double sqnr_of(const PackedScheme& scheme, const Matrix& m, const std::vector<float>& importance) {
  ThreadPool pool(2);
  test::AlignedBytes out(*packed_bytes(scheme, m.rows, m.cols));
  const MatrixError error = quantize_matrix(scheme, m.source(), {importance}, pool, out.bytes);
  view_packed(out.bytes, "what was made");  // throws where a scale is no number
  return error.sqnr();
}

// Zeros say nothing of a group, and extremes must not end in sums without a number.
TEST(QuantizeMatrix, AnyImportanceLeavesTheWeightsThemselves) {
  const Matrix m = random_matrix(33, 256);
  for (const PackedScheme& scheme : schemes()) {
    const double plain = sqnr_of(scheme, m, {});
    for (const float all : {0.0f, 1e-45f, 1e-30f, 1e30f, 3e38f}) {
      EXPECT_NEAR(sqnr_of(scheme, m, std::vector<float>(256, all)), plain, 0.01) << all;
    }
    // One input that matters in a sea of zeros, or beside those that matter far more.
    for (const float rest : {0.0f, 1e-45f}) {
      std::vector<float> importance(256, rest);
      for (std::size_t k = 5; k < 256; k += 16) importance[k] = 3e38f;
      EXPECT_GT(sqnr_of(scheme, m, importance), 0.5 * plain) << rest;
    }
  }
}

TEST(QuantizeMatrix, AFactorOfAllImportancesChangesNothing) {
  const Matrix m = random_matrix(32, 256);
  std::vector<float> importance;
  std::mt19937 random(2);
  for (int k = 0; k < 256; ++k) importance.push_back(static_cast<float>(1 + random() % 1000));
  ThreadPool pool(1);
  for (const PackedScheme& scheme : schemes()) {
    std::vector<std::vector<std::byte>> made;
    for (const float factor : {1.0f, 0x1p-90f, 0x1p90f}) {
      std::vector<float> scaled = importance;
      for (float& h : scaled) h *= factor;
      test::AlignedBytes out(*packed_bytes(scheme, m.rows, m.cols));
      quantize_matrix(scheme, m.source(), {scaled}, pool, out.bytes);
      made.emplace_back(out.bytes.begin(), out.bytes.end());
      EXPECT_EQ(made.back(), made.front()) << factor;
    }
  }
}

TEST(QuantizeMatrix, RefusesScalesThatNoFileCouldGiveBack) {
  ThreadPool pool(2);
  Matrix m = random_matrix(40, 256);
  const auto expect_refused = [&](auto scheme, std::size_t bytes) {
    test::AlignedBytes out(bytes);
    try {
      quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
      ADD_FAILURE() << "made";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
      EXPECT_NE(error.message().find("too large"), std::string::npos) << error.message();
    }
  };
  for (float& w : m.w) w *= 1e30f;
  for (const DType type : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    expect_refused(type, *dtype_bytes(type, 40 * 256));
  }
  for (float& w : m.w) w = w > 0 ? 3.3e38f : -3.3e38f;
  for (const PackedScheme& scheme : schemes()) {
    if (scheme.form == ScaleForm::kTwoLevel) continue;  // may hold it
    test::AlignedBytes out(*packed_bytes(scheme, m.rows, m.cols));
    try {
      quantize_matrix(scheme, m.source(), {}, pool, out.bytes);
      view_packed(out.bytes, "what was made");  // if made, then readable
    } catch (const Error& error) {
      EXPECT_NE(error.message().find("too large"), std::string::npos) << error.message();
    }
  }
}

}  // namespace
}  // namespace lathe
