// The one implementation of Checkpoint: a list of tensors, each a span of a mapped file and
// how it differs from what Checkpoint promises (rotary row order, a wider stored type).
//
// The four openers (open_*.cc) fill a CheckpointParts, check it against the config and hand it
// over. Immutable and thread-safe afterwards.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lathe/checkpoint.h"

#include "checkpoint/model_tensors.h"

namespace lathe {

// What keeps the tensors' bytes alive: a container's reader.
class TensorBytes {
 public:
  virtual ~TensorBytes() = default;
  virtual bool unchanged() const noexcept = 0;
  // Lets the kernel drop the pages of the tensor that is the container's number `index`.
  virtual void drop(std::size_t index) const noexcept = 0;
};

struct StoredTensor {
  TensorInfo info;                   // as Checkpoint shows it
  std::span<const std::byte> bytes;  // as the file holds it
  DType stored = DType::kF32;        // info.dtype, or F32 where a narrower type was widened
  bool interleaved = false;          // rows (of a vector: elements) are in interleaved order
  std::size_t index = 0;             // the container's number of the tensor
};

struct CheckpointParts {
  CheckpointFormat format = CheckpointFormat::kHuggingFace;
  std::string path;
  bool has_model = true;
  ModelConfig config;
  std::optional<TokenizerFiles> tokenizer;
  std::map<std::string, std::string> metadata;
  std::vector<StoredTensor> tensors;
  std::shared_ptr<const TensorBytes> source;
};

// Keys of Checkpoint::metadata() that this room gives meaning to.
namespace metadata_keys {
inline constexpr const char* kGenerationConfig = "generation_config.json";  // the file's text
inline constexpr const char* kIgnored = "ignored tensors";                  // names, by ", "
}  // namespace metadata_keys

std::shared_ptr<const Checkpoint> make_checkpoint(CheckpointParts parts);

// A tensor as a container lists it, before it is known what it is.
struct FoundTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::size_t index = 0;
};

// Puts `found` into the order of the config's slots, checking that each is there with its
// shape and a type that it may have, and that nothing else is: throws kInvalid naming what is
// missing or too much. `place` says where files of this format hold a slot. What may be ignored
// is left out and listed in `ignored`.
std::vector<StoredTensor> match_tensors(const ModelConfig& config, std::vector<FoundTensor> found,
                                        TensorPlace TensorSlot::*place, const std::string& file,
                                        std::vector<std::string>& ignored);

}  // namespace lathe
