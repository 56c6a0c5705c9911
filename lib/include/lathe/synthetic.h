// Models of well-known shapes with random weights: to measure speed where no model is at hand.
//
// Weights are drawn from a normal distribution of deviation 0.02, norms are 1; the same shape has
// the same weights everywhere, and no tokenizer of its own. Nothing is held in memory: rows are
// made as they are read, so models larger than memory can be written.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/dtype.h"
#include "lathe/export.h"

namespace lathe {

// "tinyllama-1.1b", "llama-3.1-8b", ...
LATHE_API std::vector<std::string> synthetic_shapes();

struct SyntheticOptions {
  DType type = DType::kF16;         // of matrices: kF32, kF16 or kBF16
  std::string tokenizer = {};       // as OpenOptions::tokenizer_path; empty: none
  std::int64_t context_length = 0;  // 0: the shape's own
  std::int64_t layers = 0;          // the first ones; 0: all
};

// Throws kUsage, naming the shapes, for one that is unknown; kInvalid for a context length that no
// model may have, kUsage for more layers than the shape has. path() is "synthetic SHAPE".
LATHE_API std::shared_ptr<const Checkpoint> synthetic_checkpoint(
    const std::string& shape, const SyntheticOptions& options = {});

}  // namespace lathe
