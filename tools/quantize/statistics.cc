#include "quantize/statistics.h"

#include "lathe/model.h"

#include "common/calibration_text.h"
#include "common/progress_bar.h"

namespace lathe::tool {
namespace {

// Pieces of the text whose hidden states are kept: 32,768 tokens, 268 MB where a model is 2,048
// wide.
constexpr std::int64_t kFeedbackChunks = 64;

void save(const Tool& tool, const StatisticsOptions& options, const ImportanceMatrix& importance,
          const Checkpoint& checkpoint) {
  const std::string& path = options.save_importance;
  const bool force = tool.common().force;
  if (path.empty()) return;
  if (!path.ends_with(".gguf")) return write_importance(importance, path, force);
  const std::string& text = *options.text;
  write_imatrix(importance, checkpoint.config(), text.empty() ? "calibration.text" : text, path,
                force);
}

}  // namespace

TextStatistics find_statistics(const Tool& tool, const StatisticsOptions& options,
                               const std::shared_ptr<const Checkpoint>& checkpoint) {
  if (!options.importance.empty()) return {read_importance(options.importance), nullptr};
  if (!options.text) return {};
  const CalibrationText text = options.text->empty()
                                   ? encode_calibration_text(tool, *checkpoint, kCalibrationText)
                                   : read_calibration_text(tool, *checkpoint, *options.text);
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
  save(tool, options, statistics.importance, *checkpoint);
  return statistics;
}

}  // namespace lathe::tool
