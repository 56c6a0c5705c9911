// A text through a model, chunk by chunk, for what an observer sees of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "lathe/importance.h"
#include "lathe/session.h"

namespace lathe {

// Returns how many tokens were seen: whole chunks of them, or a text that is shorter than one.
// Throws kInvalid for an empty one.
std::int64_t run_text(std::shared_ptr<const Model> model, std::span<const TokenId> tokens,
                      std::optional<TokenId> bos, const CalibrationOptions& options,
                      const ProgressCallback& progress, ActivationObserver observer);

}  // namespace lathe
