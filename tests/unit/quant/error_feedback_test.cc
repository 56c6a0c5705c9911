#include "quant/error_feedback.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "quant/quantize_matrix.h"
#include "support/aligned_bytes.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 40;
constexpr std::int64_t kCols = 200;

// Those that quantize offers.
std::vector<PackedScheme> schemes() {
  std::vector<PackedScheme> out = all_packed_schemes();
  std::erase_if(out, [](const PackedScheme& scheme) {
    return !packed_scheme_by_name(packed_scheme_name(scheme));
  });
  return out;
}

float draw(std::mt19937& random) { return static_cast<float>(random()) * 0x1p-31f - 1.0f; }

std::vector<float> weights() {
  std::mt19937 random(1);
  std::vector<float> w(kRows * kCols);
  for (float& x : w) x = 0.05f * (draw(random) + draw(random));
  return w;
}

// E[x xᵀ] of inputs that share thirty causes, and are of different power.
std::vector<float> related_products() {
  constexpr std::int64_t kCauses = 30;
  std::mt19937 random(2);
  std::vector<float> mix(kCols * kCauses);
  for (float& x : mix) x = draw(random);
  std::vector<float> h(kCols * kCols);
  for (std::size_t a = 0; a < kCols; ++a) {
    for (std::size_t b = 0; b < kCols; ++b) {
      float sum = a == b ? 0.2f : 0.0f;
      for (std::size_t c = 0; c < kCauses; ++c) sum += mix[a * kCauses + c] * mix[b * kCauses + c];
      const float power = (a % 7 == 0 ? 4.0f : 1.0f) * (b % 7 == 0 ? 4.0f : 1.0f);
      h[a * kCols + b] = sum * power;
    }
  }
  return h;
}

std::vector<float> diagonal_of(const std::vector<float>& h) {
  std::vector<float> out(kCols);
  for (std::size_t k = 0; k < kCols; ++k) out[k] = h[k * kCols + k];
  return out;
}

std::vector<std::byte> quantized(const PackedScheme& scheme, const std::vector<float>& w,
                                 const std::vector<float>& importance,
                                 const ErrorFeedback* feedback, int threads) {
  MatrixSource source;
  source.rows = kRows;
  source.cols = kCols;
  source.read = [&](std::int64_t first, std::int64_t count, std::span<float> out) {
    std::copy_n(w.begin() + first * kCols, count * kCols, out.begin());
  };
  ThreadPool pool(threads);
  const test::AlignedBytes out(*packed_bytes(scheme, kRows, kCols));
  quantize_matrix(scheme, source, {importance, feedback}, pool, out.bytes);
  return {out.bytes.begin(), out.bytes.end()};
}

// Σ over rows of (w - q) H (w - q)ᵀ.
double loss(const std::vector<std::byte>& bytes, const std::vector<float>& w,
            const std::vector<float>& h) {
  const test::AlignedBytes aligned(bytes.size());
  std::copy(bytes.begin(), bytes.end(), aligned.bytes.begin());
  const PackedMatrix packed = view_packed(aligned.bytes, "what was made");
  double total = 0.0;
  std::vector<float> d(kCols);
  for (std::int64_t r = 0; r < kRows; ++r) {
    unpack_row(packed, r, d.data());
    for (std::size_t k = 0; k < kCols; ++k) d[k] -= w[static_cast<std::size_t>(r * kCols) + k];
    for (std::size_t a = 0; a < kCols; ++a) {
      for (std::size_t b = 0; b < kCols; ++b) {
        total += static_cast<double>(d[a]) * static_cast<double>(d[b]) *
                 static_cast<double>(h[a * kCols + b]);
      }
    }
  }
  return total;
}

TEST(ErrorFeedback, LosesLessOfTheProductsInEveryScheme) {
  const std::vector<float> w = weights();
  const std::vector<float> h = related_products();
  const std::vector<float> importance = diagonal_of(h);
  ThreadPool pool(2);
  const ErrorFeedback feedback(h, kCols, pool);
  for (const PackedScheme& scheme : schemes()) {
    const double without = loss(quantized(scheme, w, importance, nullptr, 2), w, h);
    const double with = loss(quantized(scheme, w, importance, &feedback, 2), w, h);
    EXPECT_LT(with, 0.6 * without) << packed_scheme_name(scheme);
  }
}

// Coordinate descent only takes what loses less.
TEST(ErrorFeedback, LosesLessStillWithASecondLook) {
  const std::vector<float> w = weights();
  const std::vector<float> h = related_products();
  const std::vector<float> importance = diagonal_of(h);
  ThreadPool pool(2);
  const ErrorFeedback once(h, kCols, pool);
  const ErrorFeedback again(h, kCols, pool, true);
  for (const PackedScheme& scheme : schemes()) {
    const double first = loss(quantized(scheme, w, importance, &once, 2), w, h);
    const double second = loss(quantized(scheme, w, importance, &again, 2), w, h);
    EXPECT_LT(second, first) << packed_scheme_name(scheme);
    if (scheme.bits > 4) continue;
    EXPECT_LT(second, 0.97 * first) << packed_scheme_name(scheme);
  }
}

TEST(ErrorFeedback, OfInputsThatHaveNothingInCommonChangesNothing) {
  const std::vector<float> w = weights();
  std::vector<float> h(kCols * kCols);
  for (std::size_t k = 0; k < kCols; ++k) h[k * kCols + k] = static_cast<float>(1 + k % 5);
  ThreadPool pool(1);
  const ErrorFeedback feedback(h, kCols, pool);
  for (const PackedScheme& scheme : schemes()) {
    EXPECT_EQ(quantized(scheme, w, {}, &feedback, 1), quantized(scheme, w, {}, nullptr, 1))
        << packed_scheme_name(scheme);
  }
}

TEST(ErrorFeedback, GivesTheSameBytesForAnyNumberOfThreads) {
  const std::vector<float> w = weights();
  const std::vector<float> h = related_products();
  ThreadPool one(1), three(3);
  const ErrorFeedback alone(h, kCols, one);
  const ErrorFeedback shared(h, kCols, three);
  const PackedScheme scheme = {.bits = 4, .group = 32, .grid = true};
  EXPECT_EQ(quantized(scheme, w, {}, &alone, 1), quantized(scheme, w, {}, &shared, 3));
  const ErrorFeedback again_alone(h, kCols, one, true);
  const ErrorFeedback again_shared(h, kCols, three, true);
  EXPECT_EQ(quantized(scheme, w, {}, &again_alone, 1), quantized(scheme, w, {}, &again_shared, 3));
}

// Inputs that a text never used, and such that are one and the same.
TEST(ErrorFeedback, StandsProductsOfNothing) {
  const std::vector<float> w = weights();
  ThreadPool pool(1);
  const PackedScheme scheme = {.bits = 4, .group = 32};
  for (const float all : {0.0f, 1.0f}) {
    const ErrorFeedback feedback(std::vector<float>(kCols * kCols, all), kCols, pool);
    const std::vector<std::byte> made = quantized(scheme, w, {}, &feedback, 1);
    std::vector<float> plain(kCols * kCols);
    for (std::size_t k = 0; k < kCols; ++k) plain[k * kCols + k] = 1.0f;
    EXPECT_LT(loss(made, w, plain), 40.0 * loss(quantized(scheme, w, {}, nullptr, 1), w, plain));
  }
}

}  // namespace
}  // namespace lathe
