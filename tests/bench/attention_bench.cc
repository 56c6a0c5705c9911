// Speed of attention alone: every layer of one model shape at one depth of context.
//
//   bench_attention [TYPE] [THREADS] [DEPTH] [ROWS] [SEQUENCES] [HEADS KV_HEADS HEAD_DIM LAYERS]
//
// TYPE: f16 f32 int8 int4. Each of SEQUENCES has DEPTH positions and asks with its last ROWS of
// them. The shape is TinyLlama-1.1B's unless given. Best of several passes.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "model/attention.h"

namespace lathe {
namespace {

int run(int argc, char** argv) {
  const auto number = [&](int i, std::int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  const std::string name = argc > 1 ? argv[1] : "f16";
  const int threads = static_cast<int>(number(2, 1));
  const std::int64_t depth = number(3, 4096);
  const std::int64_t rows = number(4, 1);
  const std::int64_t sequences = number(5, 1);
  const std::int64_t heads = number(6, 32);
  const std::int64_t kv_heads = number(7, 4);
  const std::int64_t dim = number(8, 64);
  const std::int64_t layers = number(9, 22);
  const KvType type = name == "f32"    ? KvType::kF32
                      : name == "f16"  ? KvType::kF16
                      : name == "int8" ? KvType::kInt8
                      : name == "k8v4" ? KvType::kK8V4
                                       : KvType::kInt4;
  LayerConfig layer_config;
  layer_config.attention.heads = heads;
  layer_config.attention.kv_heads = kv_heads;
  layer_config.attention.head_dim = dim;
  const std::vector<LayerConfig> model(static_cast<std::size_t>(layers), layer_config);
  KvCache cache({.layers = std::vector<KvLayerShape>(model.size(), {kv_heads, dim}), .type = type},
                depth * sequences);
  std::vector<Segment> segments;
  for (std::int64_t i = 0; i < sequences; ++i) {
    const KvCache::Growth growth = {cache.add(), depth};
    cache.reserve({&growth, 1}, depth);
    cache.extend(growth.sequence, depth);
    // Pages never written are one and the same page of zeros.
    for (std::int64_t page = 0; page * kKvPageTokens < depth; ++page) {
      std::memset(cache.keys(growth.sequence, page, 0, 0), 0x11, cache.shape().page_bytes());
    }
    segments.push_back({growth.sequence, i * rows, depth - rows, rows});
  }
  const auto floats = static_cast<std::size_t>(sequences * rows * heads * dim);
  std::vector<float> queries(floats, 0.01F);
  std::vector<float> out(floats);
  ThreadPool pool(threads);
  Attention attention(model, depth, threads);
  attention.reserve(sequences);
  double best = 1e9;
  double spent = 0;
  for (int i = 0; i < 3 || spent < 1.0; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t layer = 0; layer < layers; ++layer) {
      attention.run(pool, cache, layer, segments, queries.data(), out.data());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count());
    spent += took.count();
  }
  const auto pairs = static_cast<double>(sequences * rows * (2 * depth - rows + 1)) / 2;
  const double products = pairs * static_cast<double>(2 * heads * dim * layers);
  const double bytes =
      static_cast<double>(cache.shape().page_bytes()) / 64 * static_cast<double>(depth * sequences);
  std::printf(
      "%s %d threads, depth %lld, %lld rows, %lld sequences: %.2f ms, %.1f GFMA/s, "
      "%.1f GB/s of cache\n",
      name.c_str(), threads, static_cast<long long>(depth), static_cast<long long>(rows),
      static_cast<long long>(sequences), best * 1e3, products / best * 1e-9, bytes / best * 1e-9);
  return 0;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) { return lathe::run(argc, argv); }
