// Every kernel table × every type of weights × 1 to 40 rows of input, odd numbers of rows of the
// matrix among them, against plain sums in double. Under AddressSanitizer this also finds what
// reads or writes beside the scratch that a table asked for.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/linear.h"
#include "support/block_scales.h"
#include "support/memory_checkpoint.h"
#include "support/pack_nearest.h"
#include "support/packed_schemes.h"
#include "support/random_floats.h"
#include "tensor/dequantize.h"
#include "tensor/float16.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"
#include "tensor/repack_blocks.h"

namespace lathe {
namespace {

using test::random_floats;

constexpr std::int64_t kMaxInputs = 40;
// Of each way to share inputs out some, and their neighbours.
constexpr std::int64_t kInputCounts[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                         12, 15, 16, 17, 24, 31, 32, 33, kMaxInputs};
constexpr std::int64_t kMatrixRows[] = {1, 47, 101};

// A matrix in a checkpoint, and its weights as plain numbers.
struct Case {
  std::string name;
  DType dtype = DType::kF32;
  PackedScheme scheme;    // unless the type is one of floats
  std::int64_t span = 0;  // of its inputs
  std::int64_t rows = 0, cols = 0;
  MemoryCheckpoint checkpoint{true};
  std::vector<float> weights;
  std::vector<float> bias;

  bool quantized() const { return dtype == DType::kPacked || packed_scheme_of(dtype).has_value(); }
};

void add_packed(Case& c, const PackedScheme& scheme) {
  c.dtype = DType::kPacked;
  c.name = packed_scheme_name(scheme);
  c.scheme = scheme;
  c.span = inputs_per_span(scheme);
  const std::vector<float> w = random_floats(c.rows * c.cols, 0.05f, 1);
  test::AlignedBytes packed(*packed_bytes(scheme, c.rows, c.cols));
  test::pack_nearest(scheme, w.data(), c.rows, c.cols, test::kSomeGrid, packed.bytes);
  const PackedMatrix m = view_packed(packed.bytes, "test");
  c.weights.resize(w.size());
  for (std::int64_t r = 0; r < c.rows; ++r) unpack_row(m, r, c.weights.data() + r * c.cols);
  c.checkpoint.add_bytes("w", DType::kPacked, {c.rows, c.cols}, packed.bytes);
}

// Random blocks whose scales are small and positive: 2^-10 to 2^-9.
void add_blocks(Case& c, DType dtype) {
  c.dtype = dtype;
  c.name = dtype_info(dtype).name;
  c.scheme = *packed_scheme_of(dtype);
  c.span = inputs_per_span(c.scheme);
  const auto elements = static_cast<std::uint64_t>(c.rows * c.cols);
  std::vector<std::byte> bytes(*dtype_bytes(dtype, elements));
  std::mt19937 generator(10);
  for (std::byte& b : bytes) b = static_cast<std::byte>(generator());
  const auto block = static_cast<std::size_t>(dtype_info(dtype).bytes);
  for (std::size_t at = 0; at < bytes.size(); at += block) {
    const auto half = static_cast<std::uint16_t>(0x1400u | static_cast<unsigned>(bytes[at]));
    for (const std::size_t which : {0, 1}) {
      test::set_block_scale(dtype, bytes.data() + at, half, which);
    }
  }
  c.weights.resize(elements);
  decode_to_f32(dtype, bytes, c.weights);
  c.checkpoint.add_bytes("w", dtype, {c.rows, c.cols}, bytes);
}

// What the kernels see of the inputs: bytes with a scale per span for quantized weights.
std::vector<float> seen_by(const Case& c, std::vector<float> x) {
  const bool rounds = c.dtype == DType::kBF16 && kernels().forward.bf16.inputs_per_word == 2;
  if (rounds) {
    for (float& v : x) v = bf16_to_f32(f32_to_bf16(v));
  }
  if (!c.quantized()) return x;
  const std::int64_t span = c.span;
  for (std::int64_t m = 0; m < kMaxInputs; ++m) {
    for (std::int64_t first = 0; first < c.cols; first += span) {
      float* values = x.data() + m * c.cols + first;
      const std::int64_t count = std::min(span, c.cols - first);
      float top = 0.0f;
      for (std::int64_t k = 0; k < count; ++k) top = std::max(top, std::abs(values[k]));
      for (std::int64_t k = 0; k < count; ++k) {
        const float steps = values[k] * (127.0f / top);
        const float high = std::nearbyint(steps);
        const float low = c.scheme.wide_inputs ? std::nearbyint((steps - high) * 254.0f) : 0.0f;
        values[k] = (high + low / 254.0f) * (top / 127.0f);
      }
    }
  }
  return x;
}

struct Expected {
  std::vector<double> sums;   // [inputs][rows]
  std::vector<double> sizes;  // Σ |products|
};

Expected plain_products(const Case& c, const std::vector<float>& x) {
  Expected e;
  for (std::int64_t m = 0; m < kMaxInputs; ++m) {
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const float* w = c.weights.data() + r * c.cols;
      const float* in = x.data() + m * c.cols;
      double sum = static_cast<double>(c.bias[static_cast<std::size_t>(r)]);
      double size = 1.0;
      for (std::int64_t k = 0; k < c.cols; ++k) {
        const double product = static_cast<double>(w[k]) * static_cast<double>(in[k]);
        sum += product;
        // With minimums a product is a difference of two larger ones.
        size += std::abs(product) + (c.scheme.minimums ? std::abs(0.1 * in[k]) : 0.0);
      }
      e.sums.push_back(sum);
      e.sizes.push_back(size);
    }
  }
  return e;
}

std::vector<float> multiply(const Linear& linear, ThreadPool& pool, const std::vector<float>& x,
                            std::int64_t inputs) {
  LinearInput input;  // of its own: scratch as large as these inputs need, and no larger
  input.set(x.data(), inputs, linear.cols(), linear.cols());
  std::vector<float> y(static_cast<std::size_t>(inputs * linear.rows()), -3.0f);
  const LinearCall call[] = {{&linear, y.data(), linear.rows()}};
  Linear::apply(pool, input, call);
  return y;
}

// Checks the table in use; `same` keeps the bits that quantized weights must give everywhere.
void check(const Case& c, std::vector<float>& same) {
  const std::vector<float> x = random_floats(kMaxInputs * c.cols, 4);
  const Expected want = plain_products(c, seen_by(c, x));
  ThreadPool one(1);
  ThreadPool three(3);
  const auto linear = Linear::load(c.checkpoint, 0, 1, three);
  for (const std::int64_t inputs : kInputCounts) {
    for (ThreadPool* pool : {&one, &three}) {
      const std::vector<float> y = multiply(*linear, *pool, x, inputs);
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], want.sums[i], 2e-6 * want.sizes[i]) << inputs << " inputs, at " << i;
      }
      if (!c.quantized()) continue;
      if (same.size() < y.size()) {
        ASSERT_EQ(0, std::memcmp(y.data(), same.data(), same.size() * sizeof(float)));
        same = y;
      }
      ASSERT_EQ(0, std::memcmp(y.data(), same.data(), y.size() * sizeof(float))) << inputs;
    }
  }
}

class LinearTables : public testing::Test {
 protected:
  void TearDown() override { use_kernels(*available_kernels().back()); }

  template <typename Add>
  void check_all(std::int64_t cols, Add&& add) {
    for (const std::int64_t rows : kMatrixRows) {
      Case c;
      c.rows = rows;
      c.cols = cols;
      add(c);
      c.bias = c.checkpoint.add("b", DType::kF32, {rows}, 2);
      std::vector<float> same;
      for (const KernelTable* table : available_kernels()) {
        SCOPED_TRACE(c.name + ", " + std::to_string(rows) + " rows, " + table->name);
        use_kernels(*table);
        check(c, same);
        if (HasFatalFailure()) return;
      }
    }
  }
};

TEST_F(LinearTables, MultiplyFloats) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    check_all(172, [&](Case& c) {
      c.dtype = dtype;
      c.name = dtype_info(dtype).name;
      c.weights = c.checkpoint.add("w", dtype, {c.rows, c.cols}, 1);
    });
  }
}

TEST_F(LinearTables, MultiplyEveryPackedScheme) {
  for (const PackedScheme& scheme : all_packed_schemes()) {
    check_all(172, [&](Case& c) { add_packed(c, scheme); });
  }
}

TEST_F(LinearTables, MultiplyBlocksOfEveryType) {
  for (const DType dtype : test::kBlockTypes) {
    check_all(256, [&](Case& c) { add_blocks(c, dtype); });
  }
}

LoraPair random_pair(std::int64_t rank, std::int64_t in, std::int64_t out) {
  return {.rank = rank,
          .in = in,
          .out = out,
          .scale = 0.5,
          .a = random_floats(rank * in, 0.1f, 20),
          .b = random_floats(out * rank, 0.1f, 21)};
}

// y += s·B·(A·x), in double.
void add_adapter(const LoraPair& pair, const float* x, std::vector<double>& y) {
  for (std::int64_t k = 0; k < pair.rank; ++k) {
    double low = 0.0;
    for (std::int64_t i = 0; i < pair.in; ++i) {
      low += static_cast<double>(pair.a[static_cast<std::size_t>(k * pair.in + i)]) * x[i];
    }
    for (std::size_t r = 0; r < y.size(); ++r) {
      y[r] += pair.scale * low *
              static_cast<double>(
                  pair.b[r * static_cast<std::size_t>(pair.rank) + static_cast<std::size_t>(k)]);
    }
  }
}

// Beside quantized weights an adapter keeps what they promise: the same bits on every table, in any
// batch, for any number of threads.
TEST_F(LinearTables, AdaptersOfQuantizedMatricesGiveTheSameBits) {
  constexpr std::int64_t kInputs = 120;
  for (const std::int64_t rank : {1, 5, 16, 33}) {
    Case c;
    c.rows = 101;
    c.cols = 172;
    add_packed(c, {4, 32, ScaleForm::kHalf, true, false});
    const LoraPair pair = random_pair(rank, c.cols, c.rows);
    ThreadPool one(1);
    ThreadPool three(3);
    const auto plain = Linear::load(c.checkpoint, 0, std::nullopt, one);
    const auto adapted = Linear::load(c.checkpoint, 0, std::nullopt, one);
    adapted->adapt(pair);
    EXPECT_TRUE(adapted->batch_invariant());
    const std::vector<float> x = random_floats(kInputs * c.cols, 4);
    std::vector<float> same;  // row by row, on the plain kernels
    use_kernels(*available_kernels()[0]);
    for (std::int64_t m = 0; m < kInputs; ++m) {
      const std::vector<float> row(x.begin() + m * c.cols, x.begin() + (m + 1) * c.cols);
      const std::vector<float> base = multiply(*plain, one, row, 1);
      const std::vector<float> y = multiply(*adapted, one, row, 1);
      std::vector<double> want(base.begin(), base.end());
      add_adapter(pair, row.data(), want);
      for (std::size_t r = 0; r < y.size(); ++r) ASSERT_NEAR(y[r], want[r], 1e-4) << m << " " << r;
      same.insert(same.end(), y.begin(), y.end());
    }
    for (const KernelTable* table : available_kernels()) {
      use_kernels(*table);
      for (const std::int64_t inputs : {1, 2, 3, 5, 8, 9, 24, 47, 48, 49, 120}) {
        for (ThreadPool* pool : {&one, &three}) {
          const std::vector<float> y = multiply(*adapted, *pool, x, inputs);
          ASSERT_EQ(0, std::memcmp(y.data(), same.data(), y.size() * sizeof(float)))
              << table->name << ", rank " << rank << ", " << inputs << " inputs";
        }
      }
    }
  }
}

}  // namespace
}  // namespace lathe
