// Names of schemes, and what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lathe/dtype.h"

#include "quant/folder_scheme.h"
#include "tensor/packed_scheme.h"

namespace lathe {

// How one matrix is stored: packed, as a dtype (a float type or ggml's blocks), in the tensors of
// another program's folder, or as it is.
struct KeepAsIs {
  bool operator==(const KeepAsIs&) const = default;
};
using MatrixScheme = std::variant<KeepAsIs, DType, PackedScheme, FolderScheme>;

// By name (lathe/quantize.h); nothing for a name that is none, or for a mixture
// (mixture.h).
std::optional<MatrixScheme> scheme_by_name(std::string_view name);
std::string scheme_name(const MatrixScheme& scheme);

// Every name that scheme_by_name() and mixtures have.
std::vector<std::string> scheme_names();

// All names there are, for messages: "w4, w5, w6, w8 (mixtures), w8r, ... and keep"; and those that
// a GGUF file can hold: "q2_k, ... (mixtures) and q3_k, ... q8_0".
std::string scheme_list();
std::string gguf_scheme_list();

}  // namespace lathe
