// Work on rows of floats that are apart, on the threads of a pool where that pays.
#pragma once

#include <algorithm>
#include <cstdint>

#include "parallel/thread_pool.h"
#include "parallel/worth_sharing.h"

namespace lathe {

// Calls body(row) for each, in any order and several at once. Pieces are whole multiples of
// `together` rows, but for the last.
template <typename Body>
void for_rows(ThreadPool& pool, std::int64_t rows, std::int64_t floats_per_row, Body&& body,
              std::int64_t together = 1) {
  if (rows * floats_per_row < kFloatsWorthSharing) {
    for (std::int64_t row = 0; row < rows; ++row) body(row);
    return;
  }
  std::int64_t grain = std::max<std::int64_t>(1, kFloatsWorthSharing / 2 / floats_per_row);
  if (rows > together) grain = (grain + together - 1) / together * together;
  pool.parallel_for(rows, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t row = first; row < last; ++row) body(row);
  });
}

}  // namespace lathe
