#include "calibrate/run_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lathe/model_config.h"

#include "base/fail.h"

namespace lathe {

std::int64_t run_text(std::shared_ptr<const Model> model, std::span<const TokenId> tokens,
                      std::optional<TokenId> bos, const CalibrationOptions& options,
                      const ProgressCallback& progress, ActivationObserver observer) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (length == 0) fail_invalid("the calibration text is empty");
  // A text shorter than a chunk is one chunk.
  const std::int64_t context = std::min({options.context, model->config().max_position, length});
  std::int64_t chunks = length / context;
  if (options.max_chunks > 0) chunks = std::min(chunks, options.max_chunks);

  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.max_tokens = context;
  session_options.observer = std::move(observer);
  const auto session = Session::create(std::move(model), session_options);
  std::vector<TokenId> chunk;
  for (std::int64_t c = 0; c < chunks; ++c) {
    if (progress) {
      progress(static_cast<std::uint64_t>(c), static_cast<std::uint64_t>(chunks), "calibration");
    }
    const auto begin = tokens.begin() + c * context;
    chunk.assign(begin, begin + context);
    if (bos) chunk[0] = *bos;
    const SequenceId sequence = session->add();
    // All rows reach the last layers only when their logits are wanted.
    const SequenceInput input{sequence, chunk, true};
    session->forward(std::span(&input, 1));
    session->drop(sequence);
  }
  return chunks * context;
}

}  // namespace lathe
