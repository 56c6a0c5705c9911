#include "quantize/statistics.h"

#include <vector>

#include "lathe/host/escape.h"
#include "lathe/lathe.h"

#include "common/left_out.h"
#include "common/progress_bar.h"
#include "common/text.h"

namespace lathe::tool {
namespace {

// Pieces of the text whose hidden states are kept: 32,768 tokens, 268 MB where a model is 2,048
// wide.
constexpr std::int64_t kFeedbackChunks = 64;

struct Text {
  std::vector<TokenId> tokens;
  std::optional<TokenId> bos;  // to begin each piece with
};

Text read_calibration(const Tool& tool, const std::string& file, const Checkpoint& checkpoint) {
  if (!checkpoint.tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the model has no tokenizer to read the calibration text with",
         lathe::quoted(checkpoint.path()));
  }
  const auto tokenizer = Tokenizer::create(*checkpoint.tokenizer_files());
  warn_of(tool, *tokenizer);
  EncodeOptions plain;
  plain.add_special = false;
  Text text;
  text.tokens =
      tokenizer->encode(file.empty() ? std::string(kCalibrationText) : read_text(file), plain);
  if (tokenizer->adds_bos()) text.bos = tokenizer->bos();
  return text;
}

}  // namespace

TextStatistics find_statistics(const Tool& tool, const StatisticsOptions& options,
                               const std::shared_ptr<const Checkpoint>& checkpoint) {
  if (!options.importance.empty()) return {read_importance(options.importance), nullptr};
  if (!options.text) return {};
  const Text text = read_calibration(tool, *options.text, *checkpoint);
  CalibrationOptions how;
  how.threads = tool.common().threads_or_default();
  ProgressBar bar(tool, "calibrate");
  TextStatistics statistics;
  if (!options.products) {
    LoadOptions load;
    load.threads = how.threads;
    statistics.importance = measure_importance(Model::load(checkpoint, nullptr, load), text.tokens,
                                               text.bos, how, bar.callback());
  } else {
    how.max_chunks = kFeedbackChunks;
    statistics = measure_text(calibration_model(checkpoint, how.threads), text.tokens, text.bos,
                              how, bar.callback());
  }
  bar.finish();
  if (!options.save_importance.empty()) {
    write_importance(statistics.importance, options.save_importance, tool.common().force);
  }
  return statistics;
}

}  // namespace lathe::tool
