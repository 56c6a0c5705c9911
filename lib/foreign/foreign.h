// The matrices of a Hugging Face folder that another program quantized: "quantization_config".
//
// A method holds a matrix in several tensors, which are put together here under the matrix's own
// name, "….weight". What the folder left in floats is not touched. The methods are the rows of one
// table (methods.cc); each is read in a file of its own.
#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "container/safetensors_reader.h"
#include "foreign/foreign_matrix.h"

namespace lathe {

// A tensor of the file under the name that a model of text has for it.
struct ForeignPart {
  std::string name;
  std::size_t index = 0;  // in the file
};

struct ForeignTensor {
  std::string name;         // of the matrix
  std::size_t part = 0;     // index in the file of the tensor that holds its codes
  std::uint64_t bytes = 0;  // of all its parts
  std::shared_ptr<const ForeignMatrix> matrix;
};

struct ForeignTensors {
  std::vector<ForeignTensor> matrices;
  std::vector<std::size_t> used;  // indices in the file of all that were put together
};

// Whether a method of that name is read.
bool is_foreign_method(std::string_view name) noexcept;
// "gptq, awq, …", for messages.
std::string foreign_method_list();

// `config` is the object that names the method. The matrices refer to the file, which must outlive
// them. Throws kUnsupported for a method, or a variant, that is not read; kInvalid, naming the
// tensor, for parts that are lacking, have other shapes or types, or hold what they must not.
ForeignTensors find_foreign(const JsonView& config, const SafetensorsReader& file,
                            std::span<const ForeignPart> tensors);

}  // namespace lathe
