// A model file, whatever its format: configuration, tokenizer files and named tensors.
//
//   GGUF v2/v3 (splits too) | Hugging Face folder | llama2.c .bin | .lathe
//        └──────────── Checkpoint::open(path) ────────────┘
//
// Whatever the source, tensors have Hugging Face's names ("model.layers.0.self_attn.q_proj
// .weight"), row-major shapes [out, in], and q/k rows in Hugging Face's rotary order (GGUF's
// llama family and llama2.c interleave them; reading undoes that row by row, without loss).
//
// Opening reads headers only; tensor bytes stay in the mapped file. A Checkpoint is
// immutable and may be used from several threads at once. Everything that open() accepts is
// consistent: tensor spans lie inside the file, names are unique, shapes match the config.
// Errors: kInvalid (malformed), kUnsupported (well-formed, not for us), kIo.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/dtype.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/model_config.h"
#include "lathe/tokenizer.h"

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
  kMlpNorm,  // before the feed-forward part
  kGate,
  kUp,
  kDown,
  kFinalNorm,
  kHead,  // the output matrix
};

// Which one of a model's tensors.
struct TensorId {
  TensorRole role = TensorRole::kOther;
  std::int64_t layer = -1;  // from 0; -1: of none
  bool bias = false;        // of the matrix that has the role

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

enum class CheckpointFormat { kGguf, kHuggingFace, kLlama2c, kLathe };

struct OpenOptions {
  // A tokenizer to use instead of (or for want of) the checkpoint's own: tokenizer.bin of
  // llama2.c, a tokenizer.model, a tokenizer.json, or a folder with either.
  std::string tokenizer_path;
  // Compare each tensor with its checksum where the format has them (.lathe).
  bool verify_checksums = false;
};

class LATHE_API Checkpoint {
 public:
  static std::shared_ptr<const Checkpoint> open(const std::string& path,
                                                const OpenOptions& options = {});
  virtual ~Checkpoint();

  virtual CheckpointFormat format() const noexcept = 0;
  virtual const std::string& path() const noexcept = 0;
  // False for a vocabulary-only file: then config() holds only what the file says of tokens.
  virtual bool has_model() const noexcept = 0;
  virtual const ModelConfig& config() const noexcept = 0;
  // Absent when the source has none and none was given.
  virtual const std::optional<TokenizerFiles>& tokenizer_files() const noexcept = 0;
  // Provenance and free text: general.name, license, quantization recipe...
  virtual const std::map<std::string, std::string>& metadata() const noexcept = 0;

  virtual std::span<const TensorInfo> tensors() const noexcept = 0;
  // Index into tensors(), or nothing.
  virtual std::optional<std::size_t> find(std::string_view name) const noexcept = 0;
  // The tensor's bytes in place, when the file holds them in the order described above;
  // empty otherwise (then read_rows is the way). Valid as long as the Checkpoint.
  virtual std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept = 0;
  // Copies rows [first, first + count) of a matrix (a vector is one row) to `out`, which has
  // exactly their size. Throws kIo when the file changed after it was opened.
  virtual void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                         std::span<std::byte> out) const = 0;
  // The same as floats, decoding any type; `out` has count · cols() elements.
  void read_rows_f32(std::size_t tensor, std::int64_t first, std::int64_t count,
                     std::span<float> out) const;
  // Lets the kernel drop the tensor's pages: keeps streaming over a huge file bounded.
  virtual void drop(std::size_t tensor) const noexcept = 0;
};

// "[4096, 11008]"
LATHE_API std::string shape_text(std::span<const std::int64_t> shape);

// What a tensor is stored as: "F32", "Q4_K", or of a matrix in the kernels' layout its scheme,
// "w4nlg64".
LATHE_API std::string type_name(const Checkpoint& checkpoint, std::size_t tensor);

// One line of text that differs between models that compute differently: of a .lathe file the
// checksum that it carries, otherwise one over configuration and weights (which reads them all).
LATHE_API std::string fingerprint(const Checkpoint& checkpoint);

struct VerifyReport {
  std::size_t tensors = 0;  // compared with their checksums
  std::uint64_t bytes = 0;
  std::vector<std::string> mismatched;  // names; "(header)" for the file's own description
};

// Recomputes the checksums of a .lathe file. Other formats have none: kUnsupported.
LATHE_API VerifyReport verify_checksums(const std::string& path,
                                        const ProgressCallback& progress = {});

// The tokenizer of a model, or a bare one: tokenizer.json, tokenizer.model, llama2.c's
// tokenizer.bin, a vocabulary-only GGUF, or a folder with Hugging Face's tokenizer files. Of a
// GGUF or a folder nothing else is looked at. Errors as Checkpoint::open; kInvalid when there
// is no tokenizer.
LATHE_API TokenizerFiles open_tokenizer_files(const std::string& path);

}  // namespace lathe
