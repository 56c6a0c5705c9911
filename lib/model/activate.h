// What stands between the two halves of a feed-forward part.
#pragma once

#include <cstdint>

#include "lathe/model_config.h"

#include "model/split.h"
#include "parallel/thread_pool.h"

namespace lathe {

// gate = activation(gate) · up for these columns of each of `rows` rows, [rows][width] both; `up`
// is written to as well. Without a gate `up` is ones.
void activate_rows(ThreadPool& pool, const MlpConfig& mlp, std::int64_t width, Range columns,
                   std::int64_t rows, float* gate, float* up) noexcept;

}  // namespace lathe
