// What a Checkpoint consists of: its tensors, what is known of it, and where its weights come from.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/dtype.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/model_config.h"
#include "lathe/tokenizer_files.h"

namespace lathe {

// What a tensor is to the model.
enum class TensorRole {
  kOther,  // none of these: of a file's listing
  kEmbedding,
  kAttentionNorm,  // before attention
  kQuery,
  kKey,
  kValue,
  kQueryNorm,
  kKeyNorm,
  kAttentionOutput,
  kSinks,              // [heads]
  kAttentionPostNorm,  // after attention
  kMlpNorm,            // before the feed-forward part
  kRouter,             // [experts, hidden]
  kSelectionBias,      // [experts]
  kGate,               // of the feed-forward part, or of one expert
  kUp,
  kDown,
  kSharedSwitch,  // [hidden], what the shared expert is multiplied by
  kSharedGate,
  kSharedUp,
  kSharedDown,
  kMlpPostNorm,  // after it
  kFinalNorm,
  kHead,  // the output matrix
};

// Which one of a model's tensors.
struct TensorId {
  TensorRole role = TensorRole::kOther;
  std::int64_t layer = -1;   // from 0; -1: of none
  bool bias = false;         // of the matrix that has the role
  std::int64_t expert = -1;  // from 0; -1: of none

  auto operator<=>(const TensorId&) const = default;
};

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // outermost first; a matrix is [out, in]
  std::uint64_t bytes = 0;
  TensorId id = {};

  std::int64_t rows() const noexcept { return shape.size() < 2 ? 1 : shape[0]; }
  std::int64_t cols() const noexcept { return shape.empty() ? 1 : shape.back(); }
};

// A file format by its name, as options and provenance give it: "gguf", "hf", "lathe",
// "llama2.c"... Constants are those that are written, too.
struct CheckpointFormat {
  std::string_view name;  // a literal

  bool operator==(const CheckpointFormat&) const = default;

  static const CheckpointFormat kGguf;
  static const CheckpointFormat kHuggingFace;
  static const CheckpointFormat kLathe;
};

inline constexpr CheckpointFormat CheckpointFormat::kGguf{"gguf"};
inline constexpr CheckpointFormat CheckpointFormat::kHuggingFace{"hf"};
inline constexpr CheckpointFormat CheckpointFormat::kLathe{"lathe"};

// What is known of a checkpoint without reading a weight.
struct CheckpointFacts {
  CheckpointFormat format = CheckpointFormat::kHuggingFace;
  std::string path;  // for messages and provenance
  // False for a vocabulary-only file: then `config` holds only what the file says of tokens.
  bool has_model = true;
  ModelConfig config;
  // Null when the source has none and none was given.
  std::shared_ptr<const TokenizerFiles> tokenizer;
  // Provenance and free text: general.name, license, quantization recipe...
  std::map<std::string, std::string> metadata;
  std::vector<TensorInfo> tensors;
};

// Where the weights of a checkpoint come from: files, another checkpoint, a formula. Tensors are
// numbered as in CheckpointFacts::tensors. Immutable, and used from several threads at once.
class LATHE_API TensorSource {
 public:
  virtual ~TensorSource();

  // The tensor's bytes, row-major, where they lie in memory just so; empty otherwise. Aligned for
  // the elements, and valid as long as the source.
  virtual std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept = 0;
  // Writes rows [first, first + count) of a matrix (a vector is one row) to `out`, which has
  // exactly their size; the rows exist. Not asked of packed matrices, which are in place.
  virtual void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                         std::span<std::byte> out) const = 0;
  // The tensor is not needed soon: its pages may go.
  virtual void drop(std::size_t tensor) const noexcept = 0;
};

// "[4096, 11008]"
LATHE_API std::string shape_text(std::span<const std::int64_t> shape);

struct VerifyReport {
  std::size_t tensors = 0;  // compared with their checksums
  std::uint64_t bytes = 0;
  std::vector<std::string> mismatched;  // names; "(header)" for the file's own description
};

// Recomputes the checksums of a .lathe file. Other formats have none: kUnsupported.
LATHE_API VerifyReport verify_checksums(const std::string& path,
                                        const ProgressCallback& progress = {});

}  // namespace lathe
