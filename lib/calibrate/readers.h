// Which matrices read what a session shows.
#pragma once

#include <vector>

#include "lathe/activations.h"
#include "lathe/checkpoint_parts.h"

namespace lathe {

// The matrices that read an activation point. With tied embeddings the head is the embedding:
// both are named.
std::vector<TensorRole> readers_of(ActivationPoint point);

// The point that a matrix reads; kHead for the embedding, too. Throws kBug for a role of none.
ActivationPoint point_of(TensorRole role);

}  // namespace lathe
