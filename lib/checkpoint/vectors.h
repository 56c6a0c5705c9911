// Vectors of a checkpoint: norms and biases, few enough numbers to look at each.
#pragma once

#include <cstddef>
#include <vector>

#include "lathe/checkpoint.h"

namespace lathe {

// All elements as floats. Throws as Checkpoint does, and kInvalid, naming file, tensor and element,
// where one is infinite or NaN: a model with it says nothing.
std::vector<float> read_vector(const Checkpoint& checkpoint, std::size_t tensor);

}  // namespace lathe
