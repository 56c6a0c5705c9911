#include "model/row_gather.h"

#include <algorithm>

#include "model/for_rows.h"

namespace lathe {
namespace {

// So many floats at a time: what lies in a second-level cache when it is taken apart again.
constexpr std::int64_t kFloatsAtOnce = 256 << 10;

}  // namespace

RowGather::RowGather(Ensemble* ensemble, ThreadPool& pool)
    : ensemble_(ensemble),
      pool_(pool),
      member_(ensemble == nullptr ? Member{} : EnsembleCalls(*ensemble).member()),
      ranges_(static_cast<std::size_t>(member_.size)),
      places_(ranges_.size()),
      counts_(ranges_.size()) {}

// The parts lie one behind the other in `all`, those of each process `each` floats per column or
// row.
void RowGather::exchange(float* all, std::int64_t each, bool first_only) noexcept {
  std::int64_t total = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    const std::int64_t floats = ranges_[i].size() * each;
    counts_[i] = floats * static_cast<std::int64_t>(sizeof(float));
    total += floats;
  }
  EnsembleCalls(*ensemble_)
      .gather(std::as_writable_bytes(std::span(all, static_cast<std::size_t>(total))), counts_,
              first_only);
}

void RowGather::gather(float* y, std::int64_t rows, std::int64_t stride, const Split& split,
                       bool first_only) {
  if (alone() || rows == 0) return;
  std::int64_t width = 0;
  for (std::size_t i = 0; i < ranges_.size(); ++i) {
    ranges_[i] = split.of({static_cast<int>(i), member_.size});
    places_[i] = width;
    width += ranges_[i].size();
  }
  const auto self = static_cast<std::size_t>(member_.rank);
  const Range own = ranges_[self];
  // One row lies as it is sent, unless processes have columns in common.
  if (rows == 1 && split.sharers == 1) return exchange(y, 1, first_only);
  const std::int64_t at_once =
      std::max<std::int64_t>(1, kFloatsAtOnce / std::max<std::int64_t>(width, 1));
  buffer_.ensure(std::min(rows, at_once) * width);
  for (std::int64_t begin = 0; begin < rows; begin += at_once) {
    const std::int64_t count = std::min(at_once, rows - begin);
    const auto part = [&](std::size_t process, std::int64_t row) {
      return buffer_.data() + places_[process] * count + row * ranges_[process].size();
    };
    for_rows(pool_, count, own.size() + 1, [&](std::int64_t row) {
      std::copy_n(y + (begin + row) * stride + own.first, own.size(), part(self, row));
    });
    exchange(buffer_.data(), count, first_only);
    if (first_only && member_.rank != 0) continue;
    for_rows(pool_, count, width, [&](std::int64_t row) {
      for (std::size_t i = 0; i < ranges_.size(); ++i) {
        if (i == self) continue;
        std::copy_n(part(i, row), ranges_[i].size(), y + (begin + row) * stride + ranges_[i].first);
      }
    });
  }
}

void RowGather::rows_of(std::span<const TokenId> tokens, std::int64_t cols, const Split& split,
                        float* out, const std::function<void(std::int64_t, float*)>& row) {
  buffer_.ensure(static_cast<std::int64_t>(tokens.size()) * cols);
  std::int64_t place = 0;
  const auto each_of = [&](std::size_t process, const auto& call) {
    const Range own = split.of({static_cast<int>(process), member_.size});
    std::int64_t at = places_[process];
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] >= own.first && tokens[i] < own.last) call(i, at++);
    }
  };
  for (std::size_t p = 0; p < ranges_.size(); ++p) {
    places_[p] = place;
    each_of(p, [&](std::size_t, std::int64_t) { ++place; });
    ranges_[p] = {places_[p], place};
  }
  each_of(static_cast<std::size_t>(member_.rank),
          [&](std::size_t i, std::int64_t at) { row(tokens[i], buffer_.data() + at * cols); });
  exchange(buffer_.data(), cols, false);
  for (std::size_t p = 0; p < ranges_.size(); ++p) {
    each_of(p, [&](std::size_t i, std::int64_t at) {
      std::copy_n(buffer_.data() + at * cols, cols, out + static_cast<std::int64_t>(i) * cols);
    });
  }
}

}  // namespace lathe
