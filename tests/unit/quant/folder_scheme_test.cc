// Matrices in the tensors of GPTQ's, AWQ's and compressed-tensors' folders, decoded from the bytes
// by what those programs say of them.
#include "quant/folder_scheme.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <vector>

#include "lathe/error.h"

#include "quant/quantize_matrix.h"
#include "quant/scheme.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = 48;
constexpr std::int64_t kCols = 256;

std::vector<float> random_weights(float mean = 0.0f) {
  std::vector<float> w;
  std::mt19937 random(1);
  for (std::int64_t i = 0; i < kRows * kCols; ++i) {
    float sum = -2.0f;
    for (int j = 0; j < 4; ++j) sum += static_cast<float>(random()) * 0x1p-32f;
    w.push_back(0.03f * sum + mean);
  }
  return w;
}

MatrixSource source_of(const std::vector<float>& w) {
  MatrixSource out;
  out.rows = kRows;
  out.cols = kCols;
  out.read = [&w](std::int64_t first, std::int64_t count, std::span<float> to) {
    std::copy_n(w.begin() + first * kCols, count * kCols, to.begin());
  };
  return out;
}

struct Made {
  std::vector<std::vector<std::byte>> tensors;
  MatrixError error;

  std::uint32_t word(std::size_t tensor, std::int64_t i) const {
    std::uint32_t out;
    std::memcpy(&out, tensors[tensor].data() + 4 * i, 4);
    return out;
  }
  std::uint16_t half(std::size_t tensor, std::int64_t i) const {
    std::uint16_t out;
    std::memcpy(&out, tensors[tensor].data() + 2 * i, 2);
    return out;
  }
};

Made make(const FolderScheme& scheme, const std::vector<float>& w, int threads = 2,
          const ErrorWeights& weights = {}) {
  std::size_t bytes = 0;
  const auto specs = folder_tensors(scheme, "m", kRows, kCols);
  for (const TensorSpec& spec : specs) bytes += tensor_bytes(spec, "test");
  std::vector<std::byte> out(bytes);
  ThreadPool pool(threads);
  Made made;
  made.error = quantize_matrix(
      scheme, source_of(w), weights, pool, out,
      [&](std::span<const std::byte> t) { made.tensors.emplace_back(t.begin(), t.end()); });
  EXPECT_EQ(made.tensors.size(), specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    EXPECT_EQ(made.tensors[i].size(), tensor_bytes(specs[i], "test")) << specs[i].name;
  }
  return made;
}

// Weight (r, k), from the tensors.
double decode(const FolderScheme& s, const Made& made, std::int64_t r, std::int64_t k) {
  const std::int64_t word = 32 / s.bits;
  const std::int64_t groups = kCols / s.group;
  const std::int64_t g = k / s.group;
  const std::uint32_t mask = (1u << s.bits) - 1u;
  const auto part = [&](std::uint32_t w, std::int64_t i) {
    return static_cast<double>(w >> (s.bits * static_cast<int>(i)) & mask);
  };
  if (s.method == FolderScheme::Method::kGptq) {
    std::int32_t group = 0;
    std::memcpy(&group, made.tensors[3].data() + 4 * k, 4);
    EXPECT_EQ(group, g);
    const double q = part(made.word(0, k / word * kRows + r), k % word);
    const double z = part(made.word(1, g * kRows / word + r / word), r % word) + 1;
    return (q - z) * static_cast<double>(f16_to_f32(made.half(2, g * kRows + r)));
  }
  if (s.method == FolderScheme::Method::kAwq) {
    constexpr int kPlace[8] = {0, 4, 1, 5, 2, 6, 3, 7};  // of each row of eight
    const double q = part(made.word(0, k * kRows / 8 + r / 8), kPlace[r % 8]);
    const double z = part(made.word(1, g * kRows / 8 + r / 8), kPlace[r % 8]);
    return (q - z) * static_cast<double>(f16_to_f32(made.half(2, g * kRows + r)));
  }
  const double q = part(made.word(0, r * kCols / word + k / word), k % word);
  const std::uint16_t half = made.half(1, r * groups + g);
  const float scale = s.scale_type == DType::kBF16 ? bf16_to_f32(half) : f16_to_f32(half);
  return (q - (1 << (s.bits - 1))) * static_cast<double>(scale);
}

std::vector<FolderScheme> schemes() {
  std::vector<FolderScheme> out;
  for (const char* name : {"gptq", "gptq4g32", "gptq8g64", "awq", "awq4g32", "compressed-tensors",
                           "w4a16g32", "w8a16g128"}) {
    out.push_back(folder_scheme_by_name(name).value());
  }
  return out;
}

TEST(FolderScheme, NamesComeBack) {
  for (const std::string& name : folder_scheme_names()) {
    const auto scheme = scheme_by_name(name);
    ASSERT_TRUE(scheme.has_value()) << name;
    EXPECT_TRUE(scheme_by_name(scheme_name(*scheme)) == scheme) << name;
  }
  EXPECT_EQ(scheme_name(*scheme_by_name("AWQ")), "awq4g128");
  for (const char* name : {"gptq3", "awq8g128", "gptq4", "w4a16", "w4a16g16", "gptq4g999"}) {
    EXPECT_FALSE(scheme_by_name(name).has_value()) << name;
  }
}

TEST(FolderScheme, TensorsHoldWhatTheReportSays) {
  for (FolderScheme scheme : schemes()) {
    for (const float mean : {0.0f, 0.02f}) {
      for (const DType type : {DType::kF16, DType::kBF16}) {
        scheme.scale_type = type;
        const std::vector<float> w = random_weights(mean);
        const Made made = make(scheme, w);
        double error = 0.0;
        for (std::int64_t r = 0; r < kRows; ++r) {
          for (std::int64_t k = 0; k < kCols; ++k) {
            const double lost = static_cast<double>(w[static_cast<std::size_t>(r * kCols + k)]) -
                                decode(scheme, made, r, k);
            error += lost * lost;
          }
        }
        EXPECT_NEAR(error, made.error.error, 1e-3 * error) << folder_scheme_name(scheme);
        EXPECT_GT(made.error.sqnr(), scheme.bits == 8 ? 38.0 : 17.5) << folder_scheme_name(scheme);
      }
    }
  }
}

TEST(FolderScheme, ScalesAreWhatAModelOfBf16Holds) {
  for (FolderScheme scheme : schemes()) {
    if (scheme.method == FolderScheme::Method::kCompressedTensors) continue;
    scheme.scale_type = DType::kBF16;
    const Made made = make(scheme, random_weights());
    for (std::int64_t i = 0; i < kRows * kCols / scheme.group; ++i) {
      const float scale = f16_to_f32(made.half(2, i));
      EXPECT_EQ(bf16_to_f32(f32_to_bf16(scale)), scale);
    }
  }
}

TEST(FolderScheme, ZeroPointsFollowWeightsThatStandAside) {
  const std::vector<float> w = random_weights(0.05f);
  EXPECT_GT(make(*folder_scheme_by_name("awq4g64"), w).error.sqnr(),
            make(*folder_scheme_by_name("gptq4g64"), w).error.sqnr() + 2.0);
}

TEST(FolderScheme, IsTheSameForEveryNumberOfThreads) {
  const std::vector<float> w = random_weights();
  for (const FolderScheme& scheme : schemes()) {
    EXPECT_EQ(make(scheme, w, 1).tensors, make(scheme, w, 3).tensors);
  }
}

TEST(FolderScheme, TakesGroupsOfZerosAndOfOneSign) {
  std::vector<float> w = random_weights();
  for (std::size_t k = 0; k < kCols; ++k) {
    w[k] = 0.0f;
    w[kCols + k] = 0.5f;
    w[2 * kCols + k] = -0.5f;
    w[3 * kCols + k] = 1e-12f;
  }
  for (const FolderScheme& scheme : schemes()) {
    const Made made = make(scheme, w);
    for (std::int64_t k = 0; k < kCols; ++k) {
      EXPECT_EQ(decode(scheme, made, 0, k), 0.0) << folder_scheme_name(scheme);
      EXPECT_NEAR(decode(scheme, made, 1, k), 0.5, 0.04) << folder_scheme_name(scheme);
      EXPECT_NEAR(decode(scheme, made, 2, k), -0.5, 0.04) << folder_scheme_name(scheme);
      EXPECT_NEAR(decode(scheme, made, 3, k), 0.0, 1e-6) << folder_scheme_name(scheme);
    }
  }
}

TEST(FolderScheme, RefusesScalesThatAHalfCannotHold) {
  std::vector<float> w = random_weights();
  for (float& x : w) x *= 1e30f;
  for (const FolderScheme& scheme : schemes()) {
    try {
      make(scheme, w);
      ADD_FAILURE() << folder_scheme_name(scheme);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
      EXPECT_NE(error.message().find("too large"), std::string::npos) << error.message();
    }
  }
}

}  // namespace
}  // namespace lathe
