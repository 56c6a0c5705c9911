// Names of schemes, and what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lathe/dtype.h"

#include "tensor/packed_scheme.h"

namespace lathe {

// How one matrix is stored: packed, as a dtype (a float type or ggml's blocks), or as it is.
struct KeepAsIs {
  bool operator==(const KeepAsIs&) const = default;
};
using MatrixScheme = std::variant<KeepAsIs, DType, PackedScheme>;

// By name (lathe/quantize.h); nothing for a name that is none, or for a mixture
// (mixture.h).
std::optional<MatrixScheme> scheme_by_name(std::string_view name);
std::string scheme_name(const MatrixScheme& scheme);

// Every name that scheme_by_name() and mixtures have.
std::vector<std::string> scheme_names();

// All names there are, for messages: "w4, w5, w6, w8 (mixtures), w8r, ... and keep"; and ggml's
// types, which a GGUF file can hold: "q8_0, q4_0, q4_1".
std::string scheme_list();
std::string gguf_scheme_list();

}  // namespace lathe
