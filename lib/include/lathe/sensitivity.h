// What each matrix of a model costs in each scheme: bytes, and what the model's predictions lose.
//
// A matrix alone is put in a model in 8 bits as a scheme of few bits has it, and the
// Kullback-Leibler divergence between the two is measured on a text. It grows with the square of
// the error, so the loss in any other scheme follows from the ratio of the signal-to-noise ratios.
// The experts of a layer in one role count as one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/allocate.h"
#include "lathe/checkpoint.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct SensitivityOptions {
  std::int64_t context = 256;  // tokens of a chunk, of which half is scored
  std::int64_t chunks = 2;
  int threads = 0;
  std::map<std::string, std::vector<float>> importance;  // as QuantizeOptions has it
  ProgressCallback progress;                             // matrices, after the schemes
};

struct Sensitivity {
  std::vector<MatrixChoices> matrices;
  std::uint64_t other_bytes = 0;  // of a .lathe file: all but these matrices
};

// The schemes that are tried: of each width groups of 32 and 64 with scales of two levels, uniform
// and not, and 8 bits. More widths join by their names.
LATHE_API std::vector<std::string> candidate_schemes();

// Takes files in $TMPDIR (/tmp) while it runs, as large as the model in 8 and in 4 bits. Throws
// kUnsupported for a model without float matrices; as quantize() and measure_perplexity().
LATHE_API Sensitivity measure_sensitivity(const std::shared_ptr<const Checkpoint>& checkpoint,
                                          std::span<const TokenId> tokens,
                                          std::optional<TokenId> bos,
                                          const SensitivityOptions& options);

}  // namespace lathe
