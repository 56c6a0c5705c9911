#include "calibrate/chunks.h"

#include <algorithm>

#include "base/fail.h"

namespace lathe {

Chunks chunks_of(std::span<const TokenId> tokens, std::optional<TokenId> bos,
                 const ModelConfig& config, const CalibrationOptions& options) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (length == 0) fail_invalid("the calibration text is empty");
  const std::int64_t context = std::min({options.context, config.max_position, length});
  std::int64_t count = length / context;
  if (options.max_chunks > 0) count = std::min(count, options.max_chunks);
  Chunks chunks;
  for (std::int64_t c = 0; c < count; ++c) {
    const auto begin = tokens.begin() + c * context;
    chunks.emplace_back(begin, begin + context);
    if (bos) chunks.back()[0] = *bos;
  }
  return chunks;
}

}  // namespace lathe
