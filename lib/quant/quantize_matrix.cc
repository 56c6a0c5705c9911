#include "quant/quantize_matrix.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/fail.h"
#include "quant/ggml_quantizer.h"
#include "quant/tile_quantizer.h"
#include "quant/tiles.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kTile = 16;

double decibels(double signal, double error) {
  return error > 0.0 ? 10.0 * std::log10(signal / error) : std::numeric_limits<double>::infinity();
}

// Of the bits below the sign: they order as the magnitudes do, NaN above infinity. Plain loops
// over whole numbers, which compilers vectorize for any processor.
std::uint32_t most_bits(const std::uint32_t* bits, std::size_t n) noexcept {
  std::int32_t most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto magnitude = static_cast<std::int32_t>(bits[i] & 0x7fffffffu);
    most = magnitude > most ? magnitude : most;
  }
  return static_cast<std::uint32_t>(most);
}

std::uint16_t most_bits(const std::uint16_t* bits, std::size_t n) noexcept {
  std::int16_t most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto magnitude = static_cast<std::int16_t>(bits[i] & 0x7fffu);
    most = magnitude > most ? magnitude : most;
  }
  return static_cast<std::uint16_t>(most);
}

float largest_of(DType type, const std::byte* weights, std::size_t count) noexcept {
  if (type == DType::kF16) {
    return f16_to_f32(most_bits(reinterpret_cast<const std::uint16_t*>(weights), count));
  }
  if (type == DType::kBF16) {
    return bf16_to_f32(most_bits(reinterpret_cast<const std::uint16_t*>(weights), count));
  }
  const std::uint32_t bits = most_bits(reinterpret_cast<const std::uint32_t*>(weights), count);
  float largest;
  std::memcpy(&largest, &bits, sizeof(largest));
  return largest;
}

// max |w|; throws where a weight is infinite or not a number.
float largest_weight(const MatrixSource& source, ThreadPool& pool) {
  const auto workers = static_cast<std::size_t>(pool.size());
  std::vector<float> largest(workers, 0.0f);
  std::vector<std::vector<float>> buffers(workers);
  const std::size_t row_bytes = source.raw.size() / static_cast<std::size_t>(source.rows);
  for_tiles(pool, (source.rows + kTile - 1) / kTile, [&](int worker, std::int64_t tile) {
    const std::int64_t first = tile * kTile;
    const std::int64_t count = std::min(kTile, source.rows - first);
    const auto weights = static_cast<std::size_t>(count * source.cols);
    float most;
    if (!source.raw.empty()) {
      const std::byte* rows = source.raw.data() + static_cast<std::size_t>(first) * row_bytes;
      most = largest_of(source.type, rows, weights);
    } else {
      std::vector<float>& buffer = buffers[static_cast<std::size_t>(worker)];
      buffer.resize(weights);
      source.read(first, count, buffer);
      const auto bytes = std::as_bytes(std::span(buffer));
      most = largest_of(DType::kF32, bytes.data(), weights);
    }
    if (!(most <= std::numeric_limits<float>::max())) {
      fail_invalid("rows {} to {} hold a weight that is infinite or not a number", first,
                   first + count - 1);
    }
    float& so_far = largest[static_cast<std::size_t>(worker)];
    so_far = std::max(so_far, most);
  });
  return *std::max_element(largest.begin(), largest.end());
}

// The power of two that brings the largest scale (or minimum) near 2^10: a half keeps its
// full precision for factors down to 2^24 times smaller.
int unit_exponent(const PackedScheme& scheme, float largest) {
  if (largest == 0.0f) return 0;
  int exponent = 0;
  std::frexp(largest, &exponent);
  if (!scheme.minimums) exponent -= scheme.bits - 1;
  return std::clamp(exponent - 10, -100, 100);
}

// Reads tile after tile and gives quantize(worker, rows, tile, count, errors of its rows).
template <typename Quantize>
MatrixError quantize_tiles(const MatrixSource& source, ThreadPool& pool, Quantize&& quantize) {
  const std::int64_t rows = source.rows;
  std::vector<std::vector<float>> buffers(static_cast<std::size_t>(pool.size()));
  std::vector<RowError> errors(static_cast<std::size_t>(rows));
  for_tiles(pool, (rows + kTile - 1) / kTile, [&](int worker, std::int64_t tile) {
    std::vector<float>& buffer = buffers[static_cast<std::size_t>(worker)];
    const std::int64_t first = tile * kTile;
    const std::int64_t count = std::min(kTile, rows - first);
    buffer.resize(static_cast<std::size_t>(count * source.cols));
    source.read(first, count, buffer);
    quantize(static_cast<std::size_t>(worker), buffer.data(), tile, count, errors.data() + first);
  });

  // Added up in the rows' order: the same bits however the tiles were shared out.
  MatrixError total;
  total.worst_row_sqnr = std::numeric_limits<double>::infinity();
  for (std::size_t r = 0; r < errors.size(); ++r) {
    total.signal += errors[r].signal;
    total.error += errors[r].error;
    const double sqnr = decibels(errors[r].signal, errors[r].error);
    if (sqnr < total.worst_row_sqnr) {
      total.worst_row_sqnr = sqnr;
      total.worst_row = static_cast<std::int64_t>(r);
    }
  }
  return total;
}

}  // namespace

double MatrixError::sqnr() const noexcept { return decibels(signal, error); }

MatrixError quantize_matrix(const PackedScheme& scheme, const MatrixSource& source,
                            std::span<const float> importance, ThreadPool& pool,
                            std::span<std::byte> out) {
  const int exponent = unit_exponent(scheme, largest_weight(source, pool));
  const float unit = std::ldexp(1.0f, exponent);
  const Grid grid = scheme.grid ? kNormalGrid : Grid{};
  std::fill(out.begin(), out.end(), std::byte{0});
  PackedWriter writer(scheme, source.rows, source.cols, exponent, grid, out);
  std::vector<TileQuantizer> quantizers(static_cast<std::size_t>(pool.size()),
                                        TileQuantizer(scheme, source.cols, unit, importance, grid));
  return quantize_tiles(
      source, pool,
      [&](std::size_t worker, const float* w, std::int64_t tile, std::int64_t count,
          RowError* errors) { quantizers[worker].quantize(w, count, tile, writer, errors); });
}

MatrixError quantize_matrix(DType type, const MatrixSource& source,
                            std::span<const float> importance, ThreadPool& pool,
                            std::span<std::byte> out) {
  largest_weight(source, pool);  // refuses what is no number
  std::vector<GgmlQuantizer> quantizers(static_cast<std::size_t>(pool.size()),
                                        GgmlQuantizer(type, source.cols, importance));
  const std::size_t row_bytes = out.size() / static_cast<std::size_t>(source.rows);
  return quantize_tiles(source, pool,
                        [&](std::size_t worker, const float* w, std::int64_t tile,
                            std::int64_t count, RowError* errors) {
                          quantizers[worker].quantize(
                              w, count,
                              out.subspan(static_cast<std::size_t>(tile * kTile) * row_bytes,
                                          static_cast<std::size_t>(count) * row_bytes),
                              errors);
                        });
}

}  // namespace lathe
