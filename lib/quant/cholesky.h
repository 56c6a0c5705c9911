// The factor of a symmetric, positive matrix, on all threads.
#pragma once

#include <cstdint>
#include <span>

#include "parallel/thread_pool.h"

namespace lathe {

// a: n × n, row-major, of which the lower triangle is read: becomes L, lower triangular, with
// a = L Lᵀ (what is above the diagonal stays as it was). False where a pivot is not positive: then
// what is in `a` means nothing. The same bits for every number of threads and every kernel table.
// May throw std::bad_alloc.
bool cholesky(std::span<float> a, std::int64_t n, ThreadPool& pool);

}  // namespace lathe
