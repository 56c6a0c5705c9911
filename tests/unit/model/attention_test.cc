#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>
#include <vector>

#include "kernels/select.h"
#include "model/kv_page.h"
#include "model/rotation.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

struct Case {
  std::int64_t heads;
  std::int64_t kv_heads;
  std::int64_t head_dim;
  std::int64_t window;
  std::int64_t length;
  KvType type;
};

// One sequence of random queries, keys and values; keys and values are in the cache.
class AttentionCase {
 public:
  explicit AttentionCase(const Case& c)
      : c_(c),
        cache_({.layers = {{c.kv_heads, c.head_dim}}, .window = 0, .type = c.type}, c.length) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    const auto draw = [&](std::int64_t n) {
      std::vector<float> v(static_cast<std::size_t>(n));
      for (float& x : v) x = normal(random);
      return v;
    };
    queries_ = draw(c.length * c.heads * c.head_dim);
    keys_ = draw(c.length * c.kv_heads * c.head_dim);
    values_ = draw(c.length * c.kv_heads * c.head_dim);
    sequence_ = cache_.add();
    const KvCache::Growth growth = {sequence_, c.length};
    cache_.reserve({&growth, 1}, c.length);
    cache_.extend(sequence_, c.length);
    for (std::int64_t p = 0; p < c.length; ++p) {
      for (std::int64_t h = 0; h < c.kv_heads; ++h) {
        const auto at = static_cast<std::size_t>((p * c.kv_heads + h) * c.head_dim);
        const std::int64_t page = p / kKvPageTokens;
        store_key(c.type, c.head_dim, p % kKvPageTokens, keys_.data() + at,
                  cache_.keys(sequence_, page, 0, h));
        store_value(c.type, c.head_dim, p % kKvPageTokens, values_.data() + at,
                    cache_.values(sequence_, page, 0, h));
      }
    }
  }

  // Rows [from, to) in segments of at most `piece` positions.
  std::vector<float> run(std::int64_t from, std::int64_t to, std::int64_t piece, int threads) {
    ThreadPool pool(threads);
    LayerConfig layer;
    layer.attention.heads = c_.heads;
    layer.attention.kv_heads = c_.kv_heads;
    layer.attention.head_dim = c_.head_dim;
    layer.attention.window = c_.window;
    Attention attention({&layer, 1}, c_.length, threads);
    std::vector<Segment> segments;
    for (std::int64_t p = from; p < to; p += piece) {
      segments.push_back({sequence_, p - from, p, std::min(piece, to - p)});
    }
    attention.reserve(static_cast<std::int64_t>(segments.size()));
    const std::int64_t row = c_.heads * c_.head_dim;
    std::vector<float> out(static_cast<std::size_t>((to - from) * row), NAN);
    attention.run(pool, cache_, 0, segments, queries_.data() + from * row, out.data());
    return out;
  }

  // The definition, in double: the output of one head.
  std::vector<double> expected(std::int64_t position, std::int64_t head) const {
    const std::int64_t kv = head / (c_.heads / c_.kv_heads);
    const std::int64_t begin =
        c_.window == 0 ? 0 : std::max<std::int64_t>(0, position - c_.window + 1);
    double sum = 0.0;
    std::vector<double> out(static_cast<std::size_t>(c_.head_dim));
    for (std::int64_t p = begin; p <= position; ++p) {
      double dot = 0.0;
      for (std::int64_t d = 0; d < c_.head_dim; ++d) {
        dot += static_cast<double>(queries_[static_cast<std::size_t>(
                   (position * c_.heads + head) * c_.head_dim + d)]) *
               static_cast<double>(stored(keys_, p, kv, d, 6));
      }
      const double weight = std::exp(dot / std::sqrt(static_cast<double>(c_.head_dim)));
      sum += weight;
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] += weight * static_cast<double>(stored(values_, p, kv, static_cast<int>(i), 4));
      }
    }
    for (double& x : out) x /= sum;
    return out;
  }

 private:
  // `bits`: of a code of four-bit pages.
  float stored(const std::vector<float>& v, std::int64_t p, std::int64_t h, std::int64_t i,
               int bits) const {
    const float* vector = v.data() + (p * c_.kv_heads + h) * c_.head_dim;
    const float x = vector[i];
    if (c_.type == KvType::kF32) return x;
    if (c_.type == KvType::kF16) return f16_to_f32(f32_to_f16(x));
    if (c_.type == KvType::kInt4 || (c_.type == KvType::kK8V4 && bits == 4)) {
      return in_codes(vector, bits)[static_cast<std::size_t>(i)];
    }
    float most = 0.0F;
    for (std::int64_t d = 0; d < c_.head_dim; ++d) most = std::max(most, std::abs(vector[d]));
    return std::nearbyint(x * (127.0F / most)) * (most / 127.0F);
  }

  // What codes keep of a vector, turned back.
  std::vector<float> in_codes(const float* vector, int bits) const {
    std::vector<float> x(vector, vector + c_.head_dim);
    std::vector<std::int8_t> codes((x.size() + 15) / 16 * 16);
    rotate(x.data(), c_.head_dim);
    const float scale = kernels().forward.quantize_codes(x.data(), c_.head_dim, bits, codes.data());
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(codes[i] - (1 << (bits - 1))) * scale;
    rotate(x.data(), c_.head_dim);
    return x;
  }

  Case c_;
  KvCache cache_;
  SequenceId sequence_ = 0;
  std::vector<float> queries_, keys_, values_;
};

class AttentionTest : public testing::TestWithParam<Case> {};

TEST_P(AttentionTest, AgreesWithTheDefinition) {
  const Case& c = GetParam();
  AttentionCase test(c);
  const std::vector<float> got = test.run(0, c.length, c.length, 2);
  // Beside integers, queries and weights are rounded to bytes as well.
  const double tolerance = c.type == KvType::kF32 || c.type == KvType::kF16 ? 3e-6 : 3e-2;
  for (std::int64_t p = 0; p < c.length; p += (p > 300 ? 397 : 7)) {
    for (std::int64_t h = 0; h < c.heads; ++h) {
      const std::vector<double> want = test.expected(p, h);
      for (std::int64_t i = 0; i < c.head_dim; ++i) {
        ASSERT_NEAR(got[static_cast<std::size_t>((p * c.heads + h) * c.head_dim + i)],
                    want[static_cast<std::size_t>(i)], tolerance)
            << "position " << p << " head " << h << " element " << i;
      }
    }
  }
}

TEST_P(AttentionTest, BitsDependOnNeitherThreadsNorPieces) {
  const Case& c = GetParam();
  AttentionCase test(c);
  const std::vector<float> whole = test.run(0, c.length, c.length, 1);
  EXPECT_EQ(whole, test.run(0, c.length, c.length, 3));
  if (c.length < 2500) {
    EXPECT_EQ(whole, test.run(0, c.length, 1, 2));
    EXPECT_EQ(whole, test.run(0, c.length, 5, 1));
  }
  const std::int64_t half = c.length / 2 + 1;
  const std::vector<float> tail = test.run(half, c.length, c.length, 2);
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + half * c.heads * c.head_dim));
  // One query far into the context: its spans go to different threads.
  const std::int64_t row = c.heads * c.head_dim;
  for (const int threads : {1, 2, 3, 8}) {
    const std::vector<float> last = test.run(c.length - 1, c.length, 1, threads);
    EXPECT_TRUE(std::equal(last.begin(), last.end(), whole.end() - row)) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionTest,
    testing::Values(Case{4, 4, 8, 0, 131, KvType::kF32}, Case{8, 2, 16, 0, 200, KvType::kF32},
                    Case{9, 3, 20, 0, 65, KvType::kF16}, Case{6, 1, 64, 0, 129, KvType::kF16},
                    Case{40, 1, 12, 0, 70, KvType::kF32}, Case{4, 2, 8, 24, 200, KvType::kF32},
                    Case{4, 2, 10, 64, 300, KvType::kF16}, Case{2, 1, 8, 0, 2500, KvType::kF32},
                    Case{2, 1, 8, 1100, 2500, KvType::kF16}, Case{1, 1, 2, 1, 90, KvType::kF32},
                    Case{8, 2, 64, 0, 200, KvType::kInt8}, Case{6, 2, 20, 90, 300, KvType::kInt8},
                    Case{2, 1, 12, 0, 2200, KvType::kInt8}, Case{8, 2, 64, 0, 5000, KvType::kF16},
                    Case{8, 2, 32, 3000, 5000, KvType::kInt8},
                    Case{8, 2, 64, 0, 200, KvType::kInt4}, Case{6, 2, 20, 90, 300, KvType::kInt4},
                    Case{2, 1, 80, 0, 1200, KvType::kInt4}, Case{8, 2, 64, 0, 200, KvType::kK8V4},
                    Case{6, 2, 20, 90, 300, KvType::kK8V4},
                    Case{2, 1, 80, 0, 1200, KvType::kK8V4}));

}  // namespace
}  // namespace lathe
