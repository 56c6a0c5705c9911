// The importance matrix: how much each input of each weight matrix matters.
//
// Rounding a weight w[r][k] changes the output by Δw · x[k], so the expected squared error is
// weighted by the mean of x[k]² over a text that is typical of what the model will read. One
// float per input column and matrix; kept in a safetensors file (F32 vectors named as the
// matrices), which other programs can read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/model.h"
#include "lathe/quantize.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct ImportanceMatrix {
  // By Hugging Face name of the matrix ("model.layers.0.mlp.down_proj.weight"): mean of x².
  std::map<std::string, std::vector<float>> columns;
  std::int64_t tokens = 0;  // that were seen
};

struct CalibrationOptions {
  std::int64_t context = 512;  // tokens per chunk
  std::int64_t max_chunks = -1;
  int threads = 0;
};

// Runs `tokens` through the model chunk by chunk (BOS first in each, where given). A text
// shorter than a chunk is one chunk; an empty one throws kInvalid.
LATHE_API ImportanceMatrix measure_importance(std::shared_ptr<const Model> model,
                                              std::span<const TokenId> tokens,
                                              std::optional<TokenId> bos,
                                              const CalibrationOptions& options,
                                              const ProgressCallback& progress = {});

// What error feedback needs beside it (QuantizeOptions::products), from one run over the text, a
// layer at a time, with its hidden states in memory. Products of up to 1 GiB are kept; those of
// layers beyond are made again when they are asked for, a layer at a time.
struct TextStatistics {
  ImportanceMatrix importance;
  std::shared_ptr<InputProducts> products;
};
LATHE_API TextStatistics measure_text(const std::shared_ptr<const Checkpoint>& model,
                                      std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                      const CalibrationOptions& options,
                                      const ProgressCallback& progress = {});

// A model to measure on in the place of a checkpoint's own: its matrices in 8 bits and its
// activations in 16, which lose next to nothing, and whose products have the same bits on every
// processor. Where all are quantized already, they stay as they are. Takes a file in $TMPDIR (/tmp)
// while it runs; what quantize() throws.
LATHE_API std::shared_ptr<const Checkpoint> calibration_model(
    const std::shared_ptr<const Checkpoint>& checkpoint, int threads = 0);

LATHE_API void write_importance(const ImportanceMatrix& matrix, const std::string& path,
                                bool overwrite);
// The same as llama.cpp's own file (GGUF), for its llama-quantize: by the tensors that a model of
// that configuration has there. `text` is what the matrix was measured on, for its readers.
LATHE_API void write_imatrix(const ImportanceMatrix& matrix, const ModelConfig& config,
                             const std::string& text, const std::string& path, bool overwrite);
// llama.cpp's files are read as well (GGUF, and the older .dat).
// Throws kInvalid when the file is no importance matrix or holds negative or non-finite values.
LATHE_API ImportanceMatrix read_importance(const std::string& path);

}  // namespace lathe
