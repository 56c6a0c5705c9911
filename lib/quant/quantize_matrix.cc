#include "quant/quantize_matrix.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>

#include "base/fail.h"
#include "quant/ggml_quantizer.h"
#include "quant/tile_quantizer.h"

namespace lathe {
namespace {

constexpr std::int64_t kTile = 16;

// The pool's bodies must not throw: the first exception waits here until all are done.
class FirstException {
 public:
  template <typename Body>
  void guard(Body&& body) noexcept {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      body();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failed_.exchange(true)) exception_ = std::current_exception();
    }
  }
  void rethrow() {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr exception_;
};

// Calls body(worker, tile) for every tile; rethrows.
template <typename Body>
void for_tiles(ThreadPool& pool, std::int64_t tiles, Body&& body) {
  FirstException problem;
  std::atomic<std::int64_t> next{0};
  pool.run([&](int worker) {
    problem.guard([&] {
      for (std::int64_t t = next.fetch_add(1); t < tiles; t = next.fetch_add(1)) body(worker, t);
    });
  });
  problem.rethrow();
}

double decibels(double signal, double error) {
  return error > 0.0 ? 10.0 * std::log10(signal / error) : std::numeric_limits<double>::infinity();
}

// max |w|; throws where a weight is infinite or not a number.
float largest_weight(std::int64_t rows, std::int64_t cols, const RowReader& read,
                     ThreadPool& pool) {
  std::vector<float> largest(static_cast<std::size_t>(pool.size()), 0.0f);
  std::vector<std::vector<float>> buffers(static_cast<std::size_t>(pool.size()));
  for_tiles(pool, (rows + kTile - 1) / kTile, [&](int worker, std::int64_t tile) {
    std::vector<float>& buffer = buffers[static_cast<std::size_t>(worker)];
    const std::int64_t count = std::min(kTile, rows - tile * kTile);
    buffer.resize(static_cast<std::size_t>(count * cols));
    read(tile * kTile, count, buffer);
    // Sixteen maxima at a time, so that the compiler vectorizes; a NaN must not hide.
    std::array<float, 16> most{};
    bool number = true;
    for (std::size_t i = 0; i < buffer.size(); ++i) {
      const float magnitude = std::abs(buffer[i]);
      number = number && magnitude <= std::numeric_limits<float>::max();
      most[i % 16] = std::max(most[i % 16], magnitude);
    }
    if (!number) {
      fail_invalid("rows {} to {} hold a weight that is infinite or not a number", tile * kTile,
                   tile * kTile + count - 1);
    }
    float& so_far = largest[static_cast<std::size_t>(worker)];
    so_far = std::max(so_far, *std::max_element(most.begin(), most.end()));
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
MatrixError quantize_tiles(std::int64_t rows, std::int64_t cols, const RowReader& read,
                           ThreadPool& pool, Quantize&& quantize) {
  std::vector<std::vector<float>> buffers(static_cast<std::size_t>(pool.size()));
  std::vector<RowError> errors(static_cast<std::size_t>(rows));
  for_tiles(pool, (rows + kTile - 1) / kTile, [&](int worker, std::int64_t tile) {
    std::vector<float>& buffer = buffers[static_cast<std::size_t>(worker)];
    const std::int64_t first = tile * kTile;
    const std::int64_t count = std::min(kTile, rows - first);
    buffer.resize(static_cast<std::size_t>(count * cols));
    read(first, count, buffer);
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

MatrixError quantize_matrix(const PackedScheme& scheme, std::int64_t rows, std::int64_t cols,
                            const RowReader& read, std::span<const float> importance,
                            ThreadPool& pool, std::span<std::byte> out) {
  const int exponent = unit_exponent(scheme, largest_weight(rows, cols, read, pool));
  std::fill(out.begin(), out.end(), std::byte{0});
  constexpr std::array<std::int8_t, 16> kNoGrid{};
  PackedWriter writer(scheme, rows, cols, exponent, kNoGrid, out);
  std::vector<TileQuantizer> quantizers(
      static_cast<std::size_t>(pool.size()),
      TileQuantizer(scheme, cols, writer.view().unit, importance));
  return quantize_tiles(
      rows, cols, read, pool,
      [&](std::size_t worker, const float* w, std::int64_t tile, std::int64_t count,
          RowError* errors) { quantizers[worker].quantize(w, count, tile, writer, errors); });
}

MatrixError quantize_matrix(DType type, std::int64_t rows, std::int64_t cols, const RowReader& read,
                            std::span<const float> importance, ThreadPool& pool,
                            std::span<std::byte> out) {
  largest_weight(rows, cols, read, pool);  // refuses what is no number
  std::vector<GgmlQuantizer> quantizers(static_cast<std::size_t>(pool.size()),
                                        GgmlQuantizer(type, cols, importance));
  const std::size_t row_bytes = out.size() / static_cast<std::size_t>(rows);
  return quantize_tiles(rows, cols, read, pool,
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
