// LoRA adapters in PEFT's layout, and the model that base and adapter make together.
//
// A folder with adapter_config.json and adapter_model.safetensors: for some matrices W of a
// model a pair A [r, in], B [out, r]; the adapted matrix is W + s·B·A (Hu et al. 2021), with s =
// alpha / r, or alpha / sqrt(r) for a rank-stabilised one (Kalajdzievski 2023). Rank and alpha
// may differ from matrix to matrix (rank_pattern, alpha_pattern).
//
//   merge_lora()                the sum, as a checkpoint that convert() and quantize() read
//   Model::load(…, adapter)     y = W·x + s·B·(A·x) at run time: W may be quantized
//
// Immutable and thread-safe. Errors: kInvalid (broken files; a module that the model hasn't or
// whose shape differs; half a pair), kUnsupported (DoRA, biases, further modules and other
// kinds of adapters than LoRA), kIo.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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

class LATHE_API LoraAdapter {
 public:
  static std::shared_ptr<const LoraAdapter> open(const std::string& folder);

  const std::string& path() const noexcept { return path_; }
  // By the matrix's name as Checkpoint has it ("model.layers.0.self_attn.q_proj.weight").
  const std::map<std::string, LoraPair>& pairs() const noexcept { return pairs_; }

  // A hash of all pairs, as text: what a cache of keys and values must know beside the model's.
  std::string fingerprint() const;

  // Throws unless each pair has its matrix in the model, with its shape.
  void check_fits(const Checkpoint& checkpoint) const;

 private:
  LoraAdapter() = default;

  std::string path_;
  std::map<std::string, LoraPair> pairs_;
};

// The base with the adapter's products added to its matrices; both stay open as long as the
// result. An adapted matrix has type `dtype` if given; else its own, or F32 where that is
// quantized. Sums are computed in double and rounded once.
LATHE_API std::shared_ptr<const Checkpoint> merge_lora(std::shared_ptr<const Checkpoint> base,
                                                       std::shared_ptr<const LoraAdapter> adapter,
                                                       std::optional<DType> dtype = {});

}  // namespace lathe
