// Names of schemes, and what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"

#include "tensor/packed_scheme.h"

namespace lathe {

// How one matrix is stored: packed, as a dtype (a float type or ggml's blocks), or as it is.
struct KeepAsIs {
  bool operator==(const KeepAsIs&) const = default;
};
using MatrixScheme = std::variant<KeepAsIs, DType, PackedScheme>;

// By name (lathe/quantize.h); nothing for a name that is none, or for the mixture "w4".
std::optional<MatrixScheme> scheme_by_name(std::string_view name);
std::string scheme_name(const MatrixScheme& scheme);

// The mixture that is the default; not a MatrixScheme itself.
inline constexpr std::string_view kMixture = "w4";

// All names there are, for messages: "w4 (a mixture), w8, ... and keep"; and ggml's types, which a
// GGUF file can hold: "q8_0, q4_0, q4_1".
std::string scheme_list();
std::string gguf_scheme_list();

// The mixture "w4": what a matrix [rows, cols] gets. tied: the embedding is the output matrix too.
MatrixScheme mixture_scheme(const TensorId& matrix, std::int64_t rows, std::int64_t cols,
                            bool tied);

}  // namespace lathe
