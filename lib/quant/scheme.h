// Names of schemes, and what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "lathe/checkpoint.h"
#include "lathe/dtype.h"

#include "tensor/packed_matrix.h"

namespace lathe {

// How one matrix is stored: packed, as a dtype (a float type or ggml's blocks), or as it is.
struct KeepAsIs {
  bool operator==(const KeepAsIs&) const = default;
};
using MatrixScheme = std::variant<KeepAsIs, DType, PackedScheme>;

// By name (lathe/quantize.h); nothing for a name that is none, or for the mixture "w4".
std::optional<MatrixScheme> scheme_by_name(std::string_view name);
std::string scheme_name(const MatrixScheme& scheme);

// The mixture "w4": what a matrix [rows, cols] gets. tied: the embedding is the output matrix too.
MatrixScheme mixture_scheme(const TensorId& matrix, std::int64_t rows, std::int64_t cols,
                            bool tied);

// Bits per weight of a large matrix, scales included.
double bits_per_weight(const PackedScheme& scheme);

}  // namespace lathe
