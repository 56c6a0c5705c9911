// Speed of Linear on the matrices of one model shape, as shares of what this machine can do.
//
//   bench_linear [SCHEME] [THREADS] [ROWS OF INPUT]...
//
// SCHEME: f32 f16 bf16, or a packed one, such as w4g64, w8, w4g32ad. All matrices of TinyLlama-1.1B
// but the embedding are made of random numbers, so that a pass streams what a token streams. The
// limits are measured beside it, best of several tries each, and so is the pass.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/select.h"
#include "model/float_buffer.h"
#include "model/linear.h"
#include "model/packed_weights.h"
#include "support/memory_checkpoint.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace lathe {
namespace {

// With one thread, its processor time: what it waits for its turn on a busy machine doesn't
// count. With more, what the clock on the wall says.
bool processor_time = false;

double now() {
  if (processor_time) return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

double seconds_of(const std::function<void()>& body) {
  const double start = now();
  body();
  return now() - start;
}

// Shortest of at least `tries`, and of what fits a second.
double best_of(int tries, const std::function<void()>& body) {
  double best = 1e9;
  double spent = 0;
  for (int i = 0; i < tries || spent < 1.0; ++i) {
    const double s = seconds_of(body);
    best = std::min(best, s);
    spent += s;
  }
  return best;
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) void dot_products(std::int64_t rounds) {
  for (std::int64_t i = 0; i < rounds; ++i) {
#define LATHE_DOT(n) "vpdpbusd %%zmm30, %%zmm31, %%zmm" #n "\n"
#define LATHE_DOTS \
  LATHE_DOT(0)     \
  LATHE_DOT(1)     \
  LATHE_DOT(2)     \
  LATHE_DOT(3)     \
  LATHE_DOT(4)     \
  LATHE_DOT(5) LATHE_DOT(6) LATHE_DOT(7) LATHE_DOT(8) LATHE_DOT(9) LATHE_DOT(10) LATHE_DOT(11)
    __asm__ volatile(LATHE_DOTS LATHE_DOTS LATHE_DOTS LATHE_DOTS ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11");
  }
}
#endif

double peak_operations(ThreadPool& pool) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512vnni")) return 0;
  constexpr std::int64_t kRounds = 200000;
  const double s = best_of(5, [&] { pool.run([](int) { dot_products(kRounds); }); });
  return 128.0 * 48 * kRounds * pool.size() / s;
#else
  (void)pool;
  return 0;
#endif
}

double read_rate(ThreadPool& pool, const std::vector<std::byte>& memory) {
  const auto n = static_cast<std::int64_t>(memory.size() / 64);
  std::vector<std::uint64_t> sink(64 * static_cast<std::size_t>(pool.size()));
  const double s = best_of(5, [&] {
    pool.parallel_for(n, n / 64, [&](int worker, std::int64_t first, std::int64_t last) {
      const auto* p = reinterpret_cast<const std::uint64_t*>(memory.data());
      std::uint64_t sums[8] = {};
      for (std::int64_t i = first; i < last; ++i) {
        __builtin_prefetch(p + 8 * i + 512);
        for (int j = 0; j < 8; ++j) sums[j] += p[8 * i + j];
      }
      for (const std::uint64_t sum : sums) sink[static_cast<std::size_t>(worker) * 64] += sum;
    });
  });
  return static_cast<double>(memory.size()) / s;
}

struct Shape {
  const char* name;
  std::int64_t rows;
  std::int64_t cols;
};
// One layer, in the order and the groups in which a forward pass multiplies.
constexpr Shape kLayer[] = {{"q", 2048, 2048},   {"k", 256, 2048},     {"v", 256, 2048},
                            {"o", 2048, 2048},   {"gate", 5632, 2048}, {"up", 5632, 2048},
                            {"down", 2048, 5632}};
constexpr std::array<int, 4> kTogether = {3, 1, 2, 1};
constexpr int kLayers = 22;
constexpr Shape kHead = {"head", 32000, 2048};

int run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "w4g64";
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2;
  std::vector<std::int64_t> batches;
  for (int i = 3; i < argc; ++i) batches.push_back(std::atoi(argv[i]));
  if (batches.empty()) batches = {1, 2, 4, 8, 16, 64, 512};

  // All matrices behind each other in one run of memory.
  const std::optional<PackedScheme> scheme = packed_scheme_by_name(what);
  const std::optional<DType> dtype = dtype_by_name(what);
  if (!scheme && !dtype) {
    std::fprintf(stderr, "bench_linear: unknown scheme %s\n", what.c_str());
    return 2;
  }
  std::vector<Shape> shapes;
  for (int layer = 0; layer < kLayers; ++layer) {
    shapes.insert(shapes.end(), std::begin(kLayer), std::end(kLayer));
  }
  shapes.push_back(kHead);
  ThreadPool pool(threads);
  std::vector<std::unique_ptr<Linear>> linears;
  std::vector<std::byte> memory;
  MemoryCheckpoint checkpoint(true);
  double bytes = 0;
  double weights = 0;
  if (scheme) {
    std::size_t total = 64;
    for (const Shape& s : shapes) total += *packed_bytes(*scheme, s.rows, s.cols);
    memory.resize(total);
    std::uint64_t noise = 88172645463325252u;
    std::span<std::byte> rest(memory);
    rest = rest.subspan((64 - reinterpret_cast<std::uintptr_t>(rest.data()) % 64) % 64);
    const std::array<std::int8_t, 16> grid = {-127, -104, -83, -65, -49, -35, -22, -10,
                                              1,    13,   25,  38,  53,  69,  89,  113};
    for (const Shape& s : shapes) {
      const std::span<std::byte> out = rest.first(*packed_bytes(*scheme, s.rows, s.cols));
      rest = rest.subspan(out.size());
      PackedWriter writer(*scheme, s.rows, s.cols, 0, grid, out);
      // Random codes; scales whose halves are ordinary numbers.
      for (std::size_t i = 64; i + 8 <= out.size(); i += 8) {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        const bool code =
            i - 64 < static_cast<std::size_t>(writer.view().tiles * writer.view().tile_bytes);
        const std::uint64_t word =
            code ? noise : (noise & 0x07ff07ff07ff07ffu) | 0x2000200020002000u;
        std::memcpy(out.data() + i, &word, 8);
      }
      linears.push_back(
          std::make_unique<Linear>(std::make_unique<PackedWeights>(view_packed(out, s.name), out)));
    }
  } else {
    // One layer's values for all layers, but in memory of their own.
    for (std::size_t i = 0; i < std::size(kLayer); ++i) {
      checkpoint.add(kLayer[i].name, *dtype, {kLayer[i].rows, kLayer[i].cols}, 1);
    }
    checkpoint.add(kHead.name, *dtype, {kHead.rows, kHead.cols}, 2);
    for (int layer = 1; layer < kLayers; ++layer) {
      for (std::size_t i = 0; i < std::size(kLayer); ++i) checkpoint.copy(i);
    }
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const std::size_t head = std::size(kLayer);
      const std::size_t at = i + 1 == shapes.size() ? head : i < head ? i : i + 1;
      linears.push_back(Linear::load(checkpoint, at, std::nullopt, pool));
    }
    memory.resize(std::size_t{1} << 29);
  }
  for (std::size_t i = 0; i < linears.size(); ++i) {
    bytes += static_cast<double>(linears[i]->bytes());
    weights += static_cast<double>(shapes[i].rows) * static_cast<double>(shapes[i].cols);
  }

  processor_time = threads == 1;
  const double read = read_rate(pool, memory);
  const double peak = peak_operations(pool);
  std::printf(
      "%s, %s, %d threads; %.0f MB, %.3f bits per weight; limits: read %.1f GB/s, int8 dot %.0f "
      "GOP/s\n",
      what.c_str(), kernels().name, threads, bytes / 1e6, 8 * bytes / weights, read / 1e9,
      peak / 1e9);
  LinearInput input;
  for (const std::int64_t batch : batches) {
    std::vector<float> x(static_cast<std::size_t>(batch) * 5632);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 251) / 125.0f - 1.0f;
    // Aligned to lines of the cache, as in a forward pass.
    FloatBuffer y;
    y.ensure(batch > 64 ? batch * 3 * 5632 : batch * 32000);
    // As in a forward pass, a long prefill does not multiply the head.
    const std::size_t count = batch > 64 ? linears.size() - 1 : linears.size();
    double done_weights = 0;
    double done_bytes = 0;
    for (std::size_t i = 0; i < count; ++i) {
      done_bytes += static_cast<double>(linears[i]->bytes());
      done_weights += static_cast<double>(shapes[i].rows) * static_cast<double>(shapes[i].cols);
    }
    const auto pass = [&] {
      std::size_t i = 0;
      int group = 0;
      while (i < count) {
        const int together =
            i + 1 == linears.size() ? 1 : kTogether[static_cast<std::size_t>(group++ % 4)];
        LinearCall calls[3];
        input.set(x.data(), batch, shapes[i].cols, shapes[i].cols);
        float* out = y.data();
        for (int c = 0; c < together; ++c, ++i) {
          calls[c] = {linears[i].get(), out, shapes[i].rows};
          out += batch * shapes[i].rows;
        }
        Linear::apply(pool, input, std::span(calls, static_cast<std::size_t>(together)));
      }
    };
    pass();
    const double s = best_of(3, pass);
    const double rate = done_bytes / s;
    const double operations = 2.0 * done_weights * static_cast<double>(batch) / s;
    std::printf(
        "%4lld rows: %8.2f ms  %7.1f tokens/s  %6.1f GB/s (%3.0f %%)  %7.1f GOP/s (%3.0f %%)\n",
        static_cast<long long>(batch), s * 1e3, static_cast<double>(batch) / s, rate / 1e9,
        100 * rate / read, operations / 1e9, peak > 0 ? 100 * operations / peak : 0);
  }
  return 0;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) { return lathe::run(argc, argv); }
