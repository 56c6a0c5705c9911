#include "calibrate/run_text.h"

#include <utility>

#include "lathe/activations.h"
#include "lathe/model_config.h"

#include "calibrate/chunks.h"

namespace lathe {

std::int64_t run_text(std::shared_ptr<const Model> model, std::span<const TokenId> tokens,
                      std::optional<TokenId> bos, const CalibrationOptions& options,
                      const ProgressCallback& progress, ActivationObserver observer) {
  const Chunks chunks = chunks_of(tokens, bos, model->config(), options);
  const std::int64_t layers = model->config().num_layers();
  const std::int64_t hidden = model->config().hidden_size;
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.max_tokens = static_cast<std::int64_t>(chunks.front().size());
  session_options.observer = observer;
  const auto session = Session::create(std::move(model), session_options);
  std::int64_t seen = 0;
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    if (progress) progress(c, chunks.size(), "calibration");
    const SequenceId sequence = session->add();
    // All rows reach the last layer only when all are wanted.
    const SequenceInput input{sequence, chunks[c], true};
    // What the output matrix reads; its products, which are most of some models, nobody needs.
    const std::span<const float> normed = session->hidden_states(std::span(&input, 1));
    const auto rows = static_cast<std::int64_t>(chunks[c].size());
    observer({ActivationPoint::kHead, layers, normed.data(), rows, hidden});
    session->drop(sequence);
    seen += rows;
  }
  return seen;
}

}  // namespace lathe
