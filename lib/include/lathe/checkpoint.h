// A model file, whatever its format: configuration, tokenizer files and named tensors.
//
//   GGUF v2/v3 (splits too) | Hugging Face folder | llama2.c .bin | .lathe
//        └──────────── Checkpoint::open(path) ────────────┘
//
// A Checkpoint is what is known of the model (CheckpointFacts) and where its weights come from (a
// TensorSource): the files that were opened, or sums with an adapter's products, random numbers,
// a copy in memory.
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
#include <unordered_map>
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
  kAttentionPostNorm,  // after attention
  kMlpNorm,            // before the feed-forward part
  kGate,
  kUp,
  kDown,
  kMlpPostNorm,  // after it
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

struct OpenOptions {
  // A tokenizer to use instead of (or for want of) the checkpoint's own: what
  // open_tokenizer_files() reads.
  std::string tokenizer_path;
  // Compare each tensor with its checksum where the format has them (.lathe).
  bool verify_checksums = false;
};

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

class LATHE_API Checkpoint {
 public:
  static std::shared_ptr<const Checkpoint> open(const std::string& path,
                                                const OpenOptions& options = {});
  // For weights from elsewhere. The facts are taken as they are: `config` must have passed
  // validate(), and `tensors` be all those that it asks for, with their ids and shapes.
  Checkpoint(std::shared_ptr<const CheckpointFacts> facts,
             std::shared_ptr<const TensorSource> source);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // To be shared with a checkpoint that is made of this one.
  const std::shared_ptr<const CheckpointFacts>& facts() const noexcept { return facts_; }
  CheckpointFormat format() const noexcept { return facts_->format; }
  const std::string& path() const noexcept { return facts_->path; }
  bool has_model() const noexcept { return facts_->has_model; }
  const ModelConfig& config() const noexcept { return facts_->config; }
  const TokenizerFiles* tokenizer_files() const noexcept { return facts_->tokenizer.get(); }
  const std::map<std::string, std::string>& metadata() const noexcept { return facts_->metadata; }

  std::span<const TensorInfo> tensors() const noexcept { return facts_->tensors; }
  // Index into tensors(), or nothing.
  std::optional<std::size_t> find(std::string_view name) const noexcept;
  // The tensor's bytes in place, when the source holds them in the order described above;
  // empty otherwise (then read_rows is the way). Valid as long as the Checkpoint.
  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept;
  // Copies rows [first, first + count) of a matrix (a vector is one row) to `out`, which has
  // exactly their size. Throws kIo when the file changed after it was opened.
  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const;
  // The same as floats, decoding any type; `out` has count · cols() elements.
  void read_rows_f32(std::size_t tensor, std::int64_t first, std::int64_t count,
                     std::span<float> out) const;
  // Lets the kernel drop the tensor's pages: keeps streaming over a huge file bounded.
  void drop(std::size_t tensor) const noexcept;

 private:
  void check_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                  bool right_size) const;

  std::shared_ptr<const CheckpointFacts> facts_;
  std::shared_ptr<const TensorSource> source_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // views of the facts' names
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
LATHE_API std::shared_ptr<const TokenizerFiles> open_tokenizer_files(const std::string& path);

}  // namespace lathe
