// Which rows of which matrix a process of an ensemble computes.
#pragma once

#include <cstdint>

#include "lathe/checkpoint_parts.h"
#include "lathe/model_config.h"

#include "model/split.h"

namespace lathe {

// Whether it is a matrix that a Linear multiplies with.
bool is_multiplied(const TensorInfo& tensor) noexcept;

// The rows that stay together (split.h), for all matrices of the model.
std::int64_t grain_of(const Checkpoint& checkpoint);

// Of q, k and v those of its heads, of the others an even share; all where it is alone. `matrix` is
// one that is multiplied.
Range own_rows(const TensorInfo& matrix, const ModelConfig& config, std::int64_t grain,
               Member member);

}  // namespace lathe
