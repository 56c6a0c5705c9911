// A checkpoint in files: each tensor a span of a mapped file, and how it differs from what
// Checkpoint promises (rotary row order, a wider stored type).
//
// The openers (open_*.cc) fill a CheckpointParts, match_tensors() checks it against the
// configuration, and make_checkpoint() makes a Checkpoint of it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "checkpoint/model_tensors.h"
#include "container/tensor_file.h"
#include "foreign/lazy_packed.h"

namespace lathe {

// Elements of a file's tensor that are not rows after rows (split_experts.h).
struct TensorView {
  std::int64_t first = 0;     // element, counted from the tensor's first; with scales: row
  std::int64_t row_step = 1;  // to the next row's, in elements; with scales: in rows
  std::int64_t col_step = 1;  // to the next column's
  std::span<const std::byte> scales = {};  // of MXFP4's blocks; empty: elements of their type
};

struct StoredTensor {
  std::span<const std::byte> bytes;     // as the file holds it (TensorFile::tensor_place)
  DType stored = DType::kF32;           // TensorInfo's, or F32 where a narrower type was widened
  bool interleaved = false;             // rows (of a vector: elements) are in interleaved order
  bool less_one = false;                // TensorInfo's are F32, one more than these
  std::size_t index = 0;                // of the tensor in the file (of which it may be a part)
  std::optional<TensorView> view = {};  // then `bytes` are the whole tensor's
  std::shared_ptr<const LazyPacked> packed = {};  // then there are no bytes
};

struct CheckpointParts {
  CheckpointFacts facts;
  std::vector<StoredTensor> stored;        // one per tensor of the facts
  std::shared_ptr<const TensorFile> file;  // keeps the bytes alive
};

// Key of Checkpoint::metadata() that this room gives meaning to, besides kIgnoredTensors.
namespace metadata_keys {
inline constexpr const char* kGenerationConfig = "generation_config.json";  // the file's text
inline constexpr const char* kLeftOut = Checkpoint::kPartsLeftOut;
}  // namespace metadata_keys

std::shared_ptr<const Checkpoint> make_checkpoint(CheckpointParts parts);

// A tensor of a file, before it is known what it is. Its type and shape are the file's, or where
// those describe only bytes (.lathe) what the bytes are.
struct FoundTensor : TensorSpec {
  std::size_t index = 0;  // in the file
  std::optional<TensorView> view = {};
  std::shared_ptr<const ForeignMatrix> matrix = {};  // that another program quantized
};

// All tensors of the file.
std::vector<FoundTensor> list_tensors(const TensorFile& file);

// Puts `found`, of parts.file, into the order of `slots`, the configuration's, checking that each
// is there with its shape and a type that it may have, and that nothing else is: throws kInvalid
// naming what is missing or too much. `place` says where files of this format hold a slot. Fills
// parts.facts.tensors and parts.stored; what may be ignored is left out, and named in the metadata.
void match_tensors(CheckpointParts& parts, std::span<const TensorSlot> slots,
                   const std::vector<FoundTensor>& found, TensorPlace TensorSlot::*place);

}  // namespace lathe
