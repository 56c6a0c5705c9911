// Which rows of which matrix a process of an ensemble computes.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/model_config.h"

#include "model/split.h"

namespace lathe {

// Whether it is a matrix that a Linear multiplies with.
bool is_multiplied(const TensorInfo& tensor) noexcept;

// The rows that stay together (split.h), for all matrices of the model.
std::int64_t grain_of(const Checkpoint& checkpoint);

// Of q, k and v those of its heads, of the others an even share; all where it is alone; none of
// what is other processes' whole. `matrix` is one that is multiplied.
Range own_rows(const TensorInfo& matrix, const ModelConfig& config, std::int64_t grain,
               const Share& share);

// The layers of each of so many processes, which have about as many bytes to read for a token;
// the first has the output matrix, too. Throws kUnsupported for more processes than layers.
std::vector<Range> layers_by_process(const Checkpoint& checkpoint, int processes);

}  // namespace lathe
