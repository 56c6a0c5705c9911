// How much each input's error counts in the search for scales.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lathe {

// `cols` weights, of groups of `group` inputs that share a scale. `importance` has as many finite
// values >= 0, or is empty: then all inputs matter alike.
//
// A group's weights are its importances times a power of two that brings the largest to between 1/2
// and 1: nothing that a file may hold overflows in a sum, and the search's bits are the same for
// any factor. An input of no importance (0, or nothing beside the largest) still counts a little,
// and where none has any all count alike: else a scale would fit a few weights and ruin the others.
std::vector<float> group_weights(std::span<const float> importance, std::int64_t cols,
                                 std::int64_t group);

}  // namespace lathe
