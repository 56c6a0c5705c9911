// A text to calibrate with, in pieces that stand for themselves.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lathe/importance.h"
#include "lathe/model_config.h"

namespace lathe {

using Chunks = std::vector<std::vector<TokenId>>;

// As CalibrationOptions say, with `bos` in the place of each one's first token. A text shorter than
// a chunk is one; throws kInvalid for an empty one.
Chunks chunks_of(std::span<const TokenId> tokens, std::optional<TokenId> bos,
                 const ModelConfig& config, const CalibrationOptions& options);

}  // namespace lathe
