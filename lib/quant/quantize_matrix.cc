#include "quant/quantize_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/fail.h"
#include "quant/folder_quantizer.h"
#include "quant/folder_words.h"
#include "quant/ggml_quantizer.h"
#include "quant/tile_quantizer.h"
#include "quant/tiles.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kTile = 16;

// How much is handed on at a time: enough to keep the threads busy, and much less than a matrix
// so that it is written while the rest is made.
constexpr std::int64_t kSliceWeights = std::int64_t{8} << 20;

std::int64_t tiles_of(const MatrixSource& source) { return (source.rows + kTile - 1) / kTile; }

double decibels(double signal, double error) {
  return error > 0.0 ? 10.0 * std::log10(signal / error) : std::numeric_limits<double>::infinity();
}

// Of the bits below the sign: they order as the magnitudes do, NaN above infinity. A plain loop
// over whole numbers, which compilers vectorize for any processor.
template <typename Bits>
Bits most_bits(const std::byte* weights, std::size_t n) noexcept {
  using Signed = std::make_signed_t<Bits>;
  constexpr auto kMagnitude = std::numeric_limits<Signed>::max();
  const auto* bits = reinterpret_cast<const Bits*>(weights);
  Signed most = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto magnitude = static_cast<Signed>(bits[i] & kMagnitude);
    most = magnitude > most ? magnitude : most;
  }
  return static_cast<Bits>(most);
}

float largest_of(DType type, const std::byte* weights, std::size_t count) noexcept {
  if (type == DType::kF16) return f16_to_f32(most_bits<std::uint16_t>(weights, count));
  if (type == DType::kBF16) return bf16_to_f32(most_bits<std::uint16_t>(weights, count));
  return std::bit_cast<float>(most_bits<std::uint32_t>(weights, count));
}

// max |w|; throws where a weight is infinite or not a number.
float largest_weight(const MatrixSource& source, ThreadPool& pool) {
  const auto workers = static_cast<std::size_t>(pool.size());
  std::vector<float> largest(workers, 0.0f);
  std::vector<std::vector<float>> buffers(workers);
  const std::size_t row_bytes = source.raw.size() / static_cast<std::size_t>(source.rows);
  for_tiles(pool, 0, tiles_of(source), [&](int worker, std::int64_t tile) {
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

// Reads tile after tile and gives quantize(worker, rows, tile, count, errors of its rows); calls
// made(tiles) when as many from the first on are made.
template <typename Quantize, typename Made>
MatrixError quantize_tiles(const MatrixSource& source, ThreadPool& pool, Quantize&& quantize,
                           Made&& made) {
  std::vector<std::vector<float>> buffers(static_cast<std::size_t>(pool.size()));
  std::vector<RowError> errors(static_cast<std::size_t>(source.rows));
  const std::int64_t tiles = tiles_of(source);
  const std::int64_t slice = std::max<std::int64_t>(1, kSliceWeights / (kTile * source.cols));
  for (std::int64_t begin = 0; begin < tiles; begin += slice) {
    const std::int64_t end = std::min(tiles, begin + slice);
    for_tiles(pool, begin, end, [&](int worker, std::int64_t tile) {
      std::vector<float>& buffer = buffers[static_cast<std::size_t>(worker)];
      const std::int64_t first = tile * kTile;
      const std::int64_t count = std::min(kTile, source.rows - first);
      buffer.resize(static_cast<std::size_t>(count * source.cols));
      source.read(first, count, buffer);
      quantize(static_cast<std::size_t>(worker), buffer.data(), tile, count, errors.data() + first);
    });
    made(end);
  }

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
                            const ErrorWeights& weights, ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished) {
  const int exponent = unit_exponent(scheme, largest_weight(source, pool));
  const float unit = std::ldexp(1.0f, exponent);
  const Grid grid = scheme.grid ? normal_grid(scheme.bits) : Grid{};
  PackedWriter writer(scheme, source.rows, source.cols, exponent, grid, out);
  const PackedMatrix& view = writer.view();
  // The header, and then tile after tile; what belongs to them in other sections comes last.
  const auto codes_end = [&](std::int64_t tiles) {
    const auto* weights = reinterpret_cast<const std::byte*>(view.weights);
    return static_cast<std::size_t>(weights - out.data() + tiles * view.tile_bytes);
  };
  const auto rest = out.subspan(codes_end(view.tiles));
  std::fill(rest.begin(), rest.end(), std::byte{0});
  std::vector<TileQuantizer> quantizers(
      static_cast<std::size_t>(pool.size()),
      TileQuantizer(scheme, source.cols, unit, weights.importance, grid, weights.feedback));
  std::size_t given = 0;
  const auto give = [&](std::size_t end) {
    if (finished && end > given) finished(out.subspan(given, end - given));
    given = end;
  };
  const MatrixError error = quantize_tiles(
      source, pool,
      [&](std::size_t worker, const float* w, std::int64_t tile, std::int64_t count,
          RowError* errors) {
        const auto codes = out.subspan(codes_end(tile), static_cast<std::size_t>(view.tile_bytes));
        std::fill(codes.begin(), codes.end(), std::byte{0});
        quantizers[worker].quantize(w, count, tile, writer, errors);
      },
      [&](std::int64_t tiles) { give(codes_end(tiles)); });
  give(out.size());
  return error;
}

MatrixError quantize_matrix(DType type, const MatrixSource& source, const ErrorWeights& weights,
                            ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished) {
  largest_weight(source, pool);  // refuses what is no number
  std::vector<GgmlQuantizer> quantizers(
      static_cast<std::size_t>(pool.size()),
      GgmlQuantizer(type, source.cols, weights.importance, weights.feedback));
  const std::size_t row_bytes = out.size() / static_cast<std::size_t>(source.rows);
  std::size_t given = 0;
  return quantize_tiles(
      source, pool,
      [&](std::size_t worker, const float* w, std::int64_t tile, std::int64_t count,
          RowError* errors) {
        quantizers[worker].quantize(w, count,
                                    out.subspan(static_cast<std::size_t>(tile * kTile) * row_bytes,
                                                static_cast<std::size_t>(count) * row_bytes),
                                    errors);
      },
      [&](std::int64_t tiles) {
        const std::size_t end =
            static_cast<std::size_t>(std::min(source.rows, tiles * kTile)) * row_bytes;
        if (finished) finished(out.subspan(given, end - given));
        given = end;
      });
}

MatrixError quantize_matrix(const FolderScheme& scheme, const MatrixSource& source,
                            const ErrorWeights& weights, ThreadPool& pool, std::span<std::byte> out,
                            const FinishedBytes& finished) {
  largest_weight(source, pool);  // refuses what is no number
  std::vector<FolderQuantizer> quantizers(
      static_cast<std::size_t>(pool.size()),
      FolderQuantizer(scheme, source.cols, weights.importance, weights.feedback));
  GroupCodes codes(scheme, source.rows, source.cols);
  const MatrixError error = quantize_tiles(
      source, pool,
      [&](std::size_t worker, const float* w, std::int64_t tile, std::int64_t count,
          RowError* errors) { quantizers[worker].quantize(w, count, tile * kTile, codes, errors); },
      [](std::int64_t) {});
  write_folder_tensors(scheme, codes, out, finished);
  return error;
}

}  // namespace lathe
