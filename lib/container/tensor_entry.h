// A tensor as a file's header describes it: what every container reader lists and every
// container writer is given.
//
// Shapes are outermost first (a matrix is [rows, cols]), whatever order the format stores.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/dtype.h"

namespace lathe {

struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  // Bytes of the parts in which a writer is given it, each like a tensor of its own; empty: one.
  std::vector<std::uint64_t> parts = {};
};

struct TensorEntry : TensorSpec {
  std::uint64_t offset = 0;  // of the first byte, from the beginning of its file
  std::uint64_t bytes = 0;
  std::uint32_t file = 0;  // which file of a split or sharded model
};

// Bytes of the tensor, tight and row-major. Throws kInvalid, naming `file` and the tensor,
// when a dimension is negative, a product wraps, or rows are no multiple of the type's block.
std::uint64_t tensor_bytes(const TensorSpec& spec, std::string_view file);

// Throws kInvalid unless `name` may name a tensor or a key: 1 to 65535 bytes of valid UTF-8
// without NUL. `what` is what the message calls it ("tensor name").
void check_name(std::string_view name, std::string_view what, std::string_view file);

}  // namespace lathe
