// Writing a checkpoint in another format.
//
//   .lathe, GGUF, Hugging Face folder, llama2.c  ──convert()──▶  .lathe | GGUF | Hugging Face
//
// Without `dtype` every weight keeps its type, with two exceptions that lose nothing and are undone
// by the way back: GGUF holds norms and biases as F32, and .lathe holds ggml's blocks as bytes. A
// chain of conversions comes back to the same bytes of weights.
//
// Memory: pieces of at most 16 MB; pages of the source are dropped behind. The output
// appears whole or not at all.
// Errors: kUnsupported when the target cannot express the model (the message says what to
// do), kInvalid for values that do not fit the type asked for or broken blocks, kUsage for an
// output that is the input itself in another type, kIo.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"

namespace lathe {

struct ConvertOptions {
  CheckpointFormat format = CheckpointFormat::kLathe;  // of those that are written
  std::optional<DType> dtype;                          // kF32, kF16, kBF16; absent: keep
  bool overwrite = false;
  std::uint64_t shard_size = 5'000'000'000;  // Hugging Face: bytes per file
  std::string recipe;                        // provenance, free text: how the file was made
  ProgressCallback progress;                 // bytes of the source
};

struct ConvertedTensor {
  std::string name;  // as the output names it
  DType from = DType::kF32;
  DType to = DType::kF32;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;  // in the output
};

struct ConvertReport {
  std::vector<ConvertedTensor> tensors;  // in the output's order
  std::uint64_t source_bytes = 0;        // of tensors
  std::uint64_t output_bytes = 0;        // of tensors
  std::vector<std::string> notes;        // what a person should know (no tokenizer, ...)
};

// What convert() would write; checks all that can be known without reading the weights.
LATHE_API ConvertReport plan_conversion(const Checkpoint& checkpoint,
                                        const ConvertOptions& options);

// `output` is a file, or for Hugging Face a folder. A folder is replaced (`overwrite`) only when
// it is a model's: a config.json among plain files.
LATHE_API ConvertReport convert(const Checkpoint& checkpoint, const std::string& output,
                                const ConvertOptions& options);

}  // namespace lathe
