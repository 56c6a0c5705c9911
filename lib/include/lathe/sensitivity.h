// What each matrix of a model costs in each scheme: bytes, and what the model's predictions lose.
//
// A matrix alone is exchanged for one in a scheme of few bits, and the Kullback-Leibler divergence
// that this makes is measured on a text, from the matrix's layer on. It grows with the square of
// the error, so the loss in any other scheme follows from the ratio of the errors: those of the
// weights, of which some rows are quantized, and those of the activations that go with a scheme.
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
  std::int64_t context = 96;  // tokens of a chunk
  std::int64_t chunks = 0;    // spread over the text; 0: two, of small models up to four
  int threads = 0;
  std::map<std::string, std::vector<float>> importance;  // as QuantizeOptions has it
  ProgressCallback progress;                             // matrices, after the schemes
};

struct Sensitivity {
  std::vector<MatrixChoices> matrices;
  std::uint64_t other_bytes = 0;  // of a .lathe file: all but these matrices
};

// The schemes that are tried: of each width groups of 32 and 64 with scales of two levels, uniform
// and not, and 8 bits, with activations of one byte and of two. More widths join by their names.
LATHE_API std::vector<std::string> candidate_schemes();

// Takes a file in $TMPDIR (/tmp) while it runs, as large as the model in 4 bits. Throws
// kUnsupported for a model without matrices, kInvalid for a text of less than 8 tokens; as
// quantize().
LATHE_API Sensitivity measure_sensitivity(const std::shared_ptr<const Checkpoint>& checkpoint,
                                          std::span<const TokenId> tokens,
                                          std::optional<TokenId> bos,
                                          const SensitivityOptions& options);

}  // namespace lathe
