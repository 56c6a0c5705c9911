// A model file, whatever its format: configuration, tokenizer files and named tensors.
//
//   GGUF v2/v3 (splits too) | Hugging Face folder | llama2.c .bin | .lathe
//        └──────────── Checkpoint::open(path) ────────────┘
//
// A Checkpoint is what is known of the model (CheckpointFacts) and where its weights come from (a
// TensorSource): the files that were opened, or sums with an adapter's products, random numbers,
// a copy in memory. lathe/checkpoint_parts.h has both.
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

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

// lathe/checkpoint_parts.h, lathe/model_config.h
struct CheckpointFacts;
struct CheckpointFormat;
struct ModelConfig;
struct TensorInfo;
class TensorSource;

// Key of Checkpoint::metadata(): names of tensors that are in the file and of no use to the model,
// with ", " between them.
inline constexpr const char* kIgnoredTensors = "ignored tensors";

struct OpenOptions {
  // A tokenizer to use instead of (or for want of) the checkpoint's own: what
  // open_tokenizer_files() reads.
  std::string tokenizer_path;
  // Compare each tensor with its checksum where the format has them (.lathe).
  bool verify_checksums = false;
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
  CheckpointFormat format() const noexcept;
  const std::string& path() const noexcept;
  // False for a vocabulary-only file: then config() holds only what the file says of tokens.
  bool has_model() const noexcept;
  const ModelConfig& config() const noexcept;
  // Null when the source has none and none was given.
  const TokenizerFiles* tokenizer_files() const noexcept;
  // Provenance and free text: general.name, license, quantization recipe... Under kPartsLeftOut:
  // the names, by ", ", of parts of the model that are not for text, and were left out.
  static constexpr const char* kPartsLeftOut = "parts left out";
  const std::map<std::string, std::string>& metadata() const noexcept;

  std::span<const TensorInfo> tensors() const noexcept;
  // Index into tensors(), or nothing.
  std::optional<std::size_t> find(std::string_view name) const noexcept;
  // The tensor's bytes in place, when the source holds them in the order described above;
  // empty otherwise (then read_rows is the way). Valid as long as the Checkpoint.
  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept;
  // The same for the time of a call of `use`, on this thread: what had to be made is not kept.
  void lend(std::size_t tensor, const std::function<void(std::span<const std::byte>)>& use) const;
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

// The tokenizer of tokenizer_files(). Throws kInvalid when there are none, and as
// Tokenizer::create().
LATHE_API std::shared_ptr<const Tokenizer> make_tokenizer(const Checkpoint& checkpoint);

// What a tensor is stored as: "F32", "Q4_K", or of a matrix in the kernels' layout its scheme,
// "w4nlg64".
LATHE_API std::string type_name(const Checkpoint& checkpoint, std::size_t tensor);

// One line of text that differs between models that compute differently: of a .lathe file the
// checksum that it carries, otherwise one over configuration and weights (which reads them all).
LATHE_API std::string fingerprint(const Checkpoint& checkpoint);

// The tokenizer of a model, or a bare one: tokenizer.json, tokenizer.model, llama2.c's
// tokenizer.bin, a vocabulary-only GGUF, or a folder with Hugging Face's tokenizer files. Of a
// GGUF or a folder nothing else is looked at but how many rows the embedding has. Errors as
// Checkpoint::open; kInvalid when there is no tokenizer.
LATHE_API std::shared_ptr<const TokenizerFiles> open_tokenizer_files(const std::string& path);

}  // namespace lathe
