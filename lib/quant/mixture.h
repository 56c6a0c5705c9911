// Mixtures: names that give each matrix of a model a scheme of its own, by what it is to the model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "tensor/packed_scheme.h"

namespace lathe {

bool is_mixture(std::string_view name);

std::vector<std::string> mixture_names();

// What a matrix [rows, cols] gets of a mixture. tied: the embedding is the output matrix too.
PackedScheme mixture_scheme(std::string_view mixture, const TensorId& matrix, std::int64_t rows,
                            std::int64_t cols, bool tied);

}  // namespace lathe
