// LoRA adapters, and the model that base and adapters make together.
//
// For some matrices W of a model a pair A [r, in], B [out, r]; the adapted matrix is W + s·B·A (Hu
// et al. 2021), with s = alpha / r, or alpha / sqrt(r) for a rank-stabilised one (Kalajdzievski
// 2023). The files are
//
//   PEFT's folder      adapter_config.json and adapter_model.safetensors; rank and alpha may differ
//                      from matrix to matrix (rank_pattern, alpha_pattern)
//   a GGUF file        as llama.cpp reads it: one alpha; matrices NAME.lora_a and NAME.lora_b
//
//   LoraAdapter::sum()          several, each with a factor, as one
//   merge_lora()                the sum with the weights, for convert() and quantize()
//   Model::load(…, adapter)     y = W·x + s·B·(A·x) at run time: W may be quantized
//   write_lora()                one kind of files from the other
//
// Immutable and thread-safe. Errors: kInvalid (broken files; a module that the model hasn't or
// whose shape differs; half a pair), kUnsupported (DoRA, biases, further modules and other
// kinds of adapters than LoRA), kIo.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/export.h"

namespace lathe {

// The pair of one matrix.
struct LoraPair {
  std::int64_t rank = 0, in = 0, out = 0;
  double scale = 1.0;    // s
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
  // Of an embedding, whose rows are tokens: `in` counts tokens, `out` the hidden size, and
  // the sum is W + s·(B·A) transposed.
  bool embedding = false;
};

class LoraAdapter;

struct LoraTerm {
  std::shared_ptr<const LoraAdapter> adapter;
  double factor = 1.0;
};

class LATHE_API LoraAdapter {
 public:
  // A folder or a file.
  static std::shared_ptr<const LoraAdapter> open(const std::string& path);
  // The adapter as it is applied to this model: files of its family may have rows of q and k in
  // another order, and several matrices as one. Throws kInvalid for a pair that has no matrix of
  // its shape there. (Model::load and merge_lora do it themselves.)
  static std::shared_ptr<const LoraAdapter> fit(std::shared_ptr<const LoraAdapter> adapter,
                                                const Checkpoint& checkpoint);
  // Σ factor · adapter for this model. One with a factor of 1 is that adapter, bit for bit.
  static std::shared_ptr<const LoraAdapter> sum(std::span<const LoraTerm> terms,
                                                const Checkpoint& checkpoint);
  // An adapter that fits already: pairs by the names that Checkpoint has.
  static std::shared_ptr<const LoraAdapter> of_pairs(std::string path,
                                                     std::map<std::string, LoraPair> pairs);

  // Of a sum: all of them, for messages.
  const std::string& path() const noexcept { return path_; }
  // By the matrix's name as Checkpoint has it ("model.layers.0.self_attn.q_proj.weight"); before
  // fit() as the file has it, which differs where a family joins matrices.
  const std::map<std::string, LoraPair>& pairs() const noexcept { return pairs_; }

  // Short, for provenance: "adapter", "a + b:0.5".
  const std::string& label() const noexcept { return label_; }
  // What its user should know: sentences.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }

  // A hash of all pairs, as text: what a cache of keys and values must know beside the model's.
  std::string fingerprint() const;

 private:
  LoraAdapter() = default;
  void check_fits(const Checkpoint& checkpoint) const;

  std::string path_, label_;
  std::map<std::string, LoraPair> pairs_;
  std::vector<std::string> warnings_;
  // How the pairs are named, joined and ordered: as the files of these formats have their matrices,
  // or as Checkpoint does.
  enum class Form { kHuggingFace, kGguf, kCheckpoint };
  Form form_ = Form::kHuggingFace;
  std::string gguf_architecture_;  // of a GGUF file
};

// Whether the path leads to an adapter rather than to a model. Throws kIo.
LATHE_API bool is_lora(const std::string& path);

// The base with the adapter's products added to its matrices; both stay open as long as the
// result. An adapted matrix has type `dtype` if given; else its own, or F32 where that is
// quantized. Sums are computed in double and rounded once.
LATHE_API std::shared_ptr<const Checkpoint> merge_lora(std::shared_ptr<const Checkpoint> base,
                                                       std::shared_ptr<const LoraAdapter> adapter,
                                                       std::optional<DType> dtype = {});

enum class LoraFormat { kFolder, kGguf };

// Writes the adapter for use with models of the base's family and sizes, in F32. Scales that differ
// from matrix to matrix, which GGUF cannot say, go into B there. `overwrite` replaces a file, or a
// folder that holds an adapter. Throws as LoraAdapter::fit(); kUnsupported for a matrix that files
// of this format hold as part of a larger one.
LATHE_API void write_lora(const std::shared_ptr<const LoraAdapter>& adapter, const Checkpoint& base,
                          const std::string& output, LoraFormat format, bool overwrite);

}  // namespace lathe
