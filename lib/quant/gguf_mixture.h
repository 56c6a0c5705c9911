// Mixtures of ggml's types, by the names that GGUF files go by (q4_k_m).
//
// Which matrix gets which type is as users of these names know it, so that files of one name have
// about one size whoever makes them. Upper case will do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"

namespace lathe {

// Some are names of a type as well (q2_k, iq4_xs): as the scheme of a whole model they are these.
bool is_gguf_mixture(std::string_view name);

std::vector<std::string> gguf_mixture_names();

// What the types depend on besides the matrix itself.
struct MixtureModel {
  std::int64_t layers = 0;
  bool tied = false;  // the embedding is the output matrix too
};

// What a matrix gets.
DType gguf_mixture_type(std::string_view mixture, const TensorInfo& matrix,
                        const MixtureModel& model);

}  // namespace lathe
