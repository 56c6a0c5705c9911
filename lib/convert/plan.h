// What a conversion writes: each tensor of the output, its type and where its bytes come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lathe/convert.h"

#include "container/tensor_entry.h"

namespace lathe {

using ByteSink = std::function<void(std::span<const std::byte>)>;

// A tensor of the source, which is one of the output, or follows on from the one before it in
// one that holds several, rows after rows.
struct PlannedTensor {
  std::size_t source = 0;  // index into the checkpoint's tensors
  TensorSpec out;          // as the target's writer is given it, or what of it this is
  // Of the first of several in one: the shape of that; empty: this is alone, or not the first.
  std::vector<std::int64_t> whole = {};
  bool follows = false;
  DType to = DType::kF32;   // out.dtype, or the block type that out holds as bytes
  bool interleave = false;  // rows go from half to interleaved order
  bool less_one = false;    // one is taken from each element
  std::uint64_t bytes = 0;
  // Where the bytes come from when not from the source (quantize): gives the sink all of them,
  // piece after piece, in rows of the source's order. The pieces stay valid until the next call
  // but one, of any tensor of the pass.
  std::function<void(const ByteSink& sink)> make;
  std::string scheme;  // of a packed matrix, for the metadata
  // Hugging Face: tensors of the output that `make` goes on with behind `out`.
  std::vector<TensorSpec> more = {};
};

struct Plan {
  std::vector<PlannedTensor> tensors;     // in the output's order
  DType main_type = DType::kF32;          // of most bytes of matrices
  std::vector<std::string> vector_types;  // GGUF: gguf_keys::kVectorTypes
  std::vector<std::string> notes;
  std::string quantization;  // Hugging Face: quantization_config, where matrices have one
  std::string source_name;   // for the file's provenance; empty: the last part of the path
};

// The tensors of the output, with their parts.
std::vector<TensorSpec> output_specs(std::span<const PlannedTensor> tensors);

// Throws kUsage when `output` would take the place of what is being read: the model as it is named,
// the files of its weights, an archive's base (io/refuse_as_output.h).
void refuse_own_input(const Checkpoint& checkpoint, const std::string& output);

// Throws where the target cannot hold a tensor, or the model, and kInvalid for vectors with a
// number that is none.
Plan make_plan(const Checkpoint& checkpoint, const ConvertOptions& options);

}  // namespace lathe
