// Blocks that quantize makes, as the readers of such blocks find them.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

#include "lathe/error.h"

#include "quant/block_form.h"
#include "quant/quantize_matrix.h"
#include "support/random_matrix.h"
#include "tensor/blocks/write_blocks.h"
#include "tensor/dequantize.h"

namespace lathe {
namespace {

using test::Matrix;
using test::random_matrix;

struct Made {
  std::vector<std::byte> bytes;
  std::vector<float> values;
  MatrixError error;
};

Made make(DType type, const Matrix& m, const ErrorWeights& weights = {}, int threads = 2) {
  Made made;
  const auto elements = static_cast<std::uint64_t>(m.rows * m.cols);
  made.bytes.resize(*dtype_bytes(type, elements));
  ThreadPool pool(threads);
  made.error = quantize_matrix(type, m.source(), weights, pool, made.bytes);
  EXPECT_FALSE(find_bad_scale(type, made.bytes).has_value()) << dtype_info(type).name;
  made.values.resize(elements);
  decode_to_f32(type, made.bytes, made.values);
  return made;
}

double error_of(const Matrix& m, const Made& made, std::span<const float> importance = {}) {
  double error = 0.0;
  for (std::size_t i = 0; i < m.w.size(); ++i) {
    const double lost = static_cast<double>(m.w[i]) - static_cast<double>(made.values[i]);
    error += lost * lost *
             (importance.empty()
                  ? 1.0
                  : static_cast<double>(importance[i % static_cast<std::size_t>(m.cols)]));
  }
  return error;
}

TEST(GgmlBlocks, DecodeToWhatTheReportSays) {
  for (const BlockForm& form : block_forms()) {
    const Matrix m = random_matrix(37, 512);
    const Made made = make(form.type, m);
    EXPECT_NEAR(error_of(m, made), made.error.error, 1e-3 * made.error.error)
        << dtype_info(form.type).name;
  }
}

// Rounding to the nearest with the largest value as the largest code, and scales as floats, is what
// the search must beat even though its scales are small whole numbers.
TEST(GgmlBlocks, LoseWhatTheirBitsMust) {
  const Matrix m = random_matrix(64, 512);
  const auto sqnr = [&](DType type) { return make(type, m).error.sqnr(); };
  EXPECT_GT(sqnr(DType::kQ2_K), 11.0);
  EXPECT_GT(sqnr(DType::kQ3_K), 16.5);
  EXPECT_GT(sqnr(DType::kMXFP4), 18.3);
  EXPECT_GT(sqnr(DType::kIQ4_XS), 21.5);
  EXPECT_GT(sqnr(DType::kIQ4_NL), 21.5);
  EXPECT_GT(sqnr(DType::kQ4_K), 22.9);
  EXPECT_GT(sqnr(DType::kQ5_0), 27.7);
  EXPECT_GT(sqnr(DType::kQ5_K), 29.0);
  EXPECT_GT(sqnr(DType::kQ5_1), 29.0);
  EXPECT_GT(sqnr(DType::kQ6_K), 35.0);
  EXPECT_GT(sqnr(DType::kQ8_0), 44.0);
}

TEST(GgmlBlocks, AreTheSameForEveryNumberOfThreads) {
  const Matrix m = random_matrix(100, 256);
  for (const BlockForm& form : block_forms()) {
    const std::vector<std::byte> expected = make(form.type, m, {}, 1).bytes;
    for (const int threads : {2, 3, 8}) {
      EXPECT_EQ(make(form.type, m, {}, threads).bytes, expected) << dtype_info(form.type).name;
    }
  }
}

TEST(GgmlBlocks, LoseLessWhereItMatters) {
  const Matrix m = random_matrix(64, 256);
  std::vector<float> importance;
  for (int k = 0; k < 256; ++k) importance.push_back(k % 5 == 0 ? 50.0f : 0.5f);
  for (const BlockForm& form : block_forms()) {
    if (form.top_code > 63) continue;  // nothing is searched for
    const double plain = error_of(m, make(form.type, m), importance);
    const double weighted = error_of(m, make(form.type, m, {importance}), importance);
    // Powers of two leave little to choose.
    const double part = form.kind == BlockForm::Kind::kE2M1 ? 0.99 : 0.97;
    EXPECT_LT(weighted, part * plain) << dtype_info(form.type).name;
  }
}

// With H = Σ x xᵀ the loss is Σ (w - q) H (w - q)ᵀ.
TEST(GgmlBlocks, MakeErrorsGoodByThoseThatFollow) {
  constexpr std::int64_t kCols = 256;
  const Matrix m = random_matrix(32, kCols);
  std::vector<float> h(kCols * kCols);
  std::mt19937 random(4);
  for (int sample = 0; sample < 600; ++sample) {
    std::vector<float> x(kCols);
    float before = 0.0f;
    for (float& v : x) v = before = 0.8f * before + static_cast<float>(random()) * 0x1p-31f - 1.0f;
    for (std::size_t i = 0; i < kCols; ++i) {
      for (std::size_t j = 0; j < kCols; ++j) h[i * kCols + j] += x[i] * x[j];
    }
  }
  ThreadPool pool(2);
  const ErrorFeedback feedback(h, kCols, pool);
  const auto loss = [&](const Made& made) {
    double sum = 0.0;
    for (std::int64_t r = 0; r < m.rows; ++r) {
      std::vector<double> lost(kCols);
      for (std::size_t k = 0; k < kCols; ++k) {
        const std::size_t at = static_cast<std::size_t>(r * kCols) + k;
        lost[k] = static_cast<double>(m.w[at]) - static_cast<double>(made.values[at]);
      }
      for (std::size_t i = 0; i < kCols; ++i) {
        for (std::size_t j = 0; j < kCols; ++j) {
          sum += lost[i] * static_cast<double>(h[i * kCols + j]) * lost[j];
        }
      }
    }
    return sum;
  };
  for (const BlockForm& form : block_forms()) {
    const double alone = loss(make(form.type, m));
    const double fed = loss(make(form.type, m, {{}, &feedback}));
    EXPECT_LT(fed, 0.8 * alone) << dtype_info(form.type).name;
  }
}

TEST(GgmlBlocks, TakeExtremes) {
  Matrix m = random_matrix(16, 256);
  for (std::size_t k = 0; k < 256; ++k) {
    m.w[k] = 0.0f;
    m.w[256 + k] = 0.5f;                   // no value of the other sign
    m.w[512 + k] = k == 77 ? 1e4f : 0.0f;  // one that is large
    m.w[768 + k] = 1e-7f * m.w[2048 + k];  // next to what halves have
    m.w[1024 + k] += 0.2f;                 // minimums above zero
    m.w[1280 + k] = -std::fabs(m.w[1280 + k]);
  }
  for (const BlockForm& form : block_forms()) {
    const Made made = make(form.type, m);
    for (std::size_t k = 0; k < 256; ++k) {
      EXPECT_EQ(made.values[k], 0.0f) << dtype_info(form.type).name;
      EXPECT_NEAR(made.values[256 + k], 0.5f, 0.05f) << dtype_info(form.type).name;
      if (form.kind == BlockForm::Kind::kScale || form.kind == BlockForm::Kind::kLine) {
        EXPECT_NEAR(made.values[512 + k], m.w[512 + k], 30.0f) << dtype_info(form.type).name;
      }
      EXPECT_NEAR(made.values[768 + k], 0.0f, 1e-7f) << dtype_info(form.type).name;
      EXPECT_NEAR(made.values[1024 + k], m.w[1024 + k], 0.06f) << dtype_info(form.type).name;
    }
  }
}

TEST(GgmlBlocks, RefuseScalesThatAHalfCannotHold) {
  Matrix m = random_matrix(40, 256);
  for (float& w : m.w) w *= 1e30f;
  for (const BlockForm& form : block_forms()) {
    if (form.type == DType::kMXFP4) continue;  // reaches as far as floats do
    std::vector<std::byte> out(*dtype_bytes(form.type, 40 * 256));
    ThreadPool pool(2);
    try {
      quantize_matrix(form.type, m.source(), {}, pool, out);
      ADD_FAILURE() << dtype_info(form.type).name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
      EXPECT_NE(error.message().find("too large"), std::string::npos) << error.message();
    }
  }
}

// Every bit of every field, beside what the formulas of the formats say.
TEST(WriteBlock, PutsEachNumberInItsPlace) {
  std::mt19937 random(5);
  for (const BlockForm& form : block_forms()) {
    if (form.kind != BlockForm::Kind::kScale && form.kind != BlockForm::Kind::kLine) continue;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(form.block));
    for (auto& q : codes) {
      q = static_cast<std::uint8_t>(random() % static_cast<unsigned>(form.top_code + 1));
    }
    std::vector<std::int8_t> scales(16), minimums(16);
    const auto any = [&](BlockForm::Steps steps) {
      return static_cast<std::int8_t>(
          steps.least +
          static_cast<int>(random() % static_cast<unsigned>(steps.most - steps.least + 1)));
    };
    for (auto& s : scales) s = any(form.scales);
    for (auto& s : minimums) s = any(form.minimums);
    std::vector<std::byte> bytes(static_cast<std::size_t>(dtype_info(form.type).bytes));
    write_block(form.type, {codes.data(), 0x3c00, 0x4000, scales.data(), minimums.data()},
                bytes.data());  // d = 1, m or dmin = 2
    std::vector<float> values(codes.size());
    decode_to_f32(form.type, bytes, values);
    for (std::size_t k = 0; k < codes.size(); ++k) {
      const std::size_t group = k / static_cast<std::size_t>(form.group);
      const bool several = form.groups() > 1;
      const int t = codes[k] - form.zero_code();
      int expected = (several ? scales[group] : 1) * t;
      if (form.kind == BlockForm::Kind::kLine) expected += several ? -2 * minimums[group] : 2;
      EXPECT_EQ(values[k], static_cast<float>(expected)) << dtype_info(form.type).name << " " << k;
    }
  }
}

}  // namespace
}  // namespace lathe
