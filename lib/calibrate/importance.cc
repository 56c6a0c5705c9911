#include "lathe/importance.h"

#include <tuple>
#include <utility>

#include "lathe/activations.h"

#include "calibrate/chunks.h"
#include "calibrate/readers.h"
#include "calibrate/run_text.h"
#include "calibrate/text_products.h"
#include "checkpoint/model_tensors.h"

namespace lathe {
namespace {

// Sums of squares per column, in double: a long text must not drown its last tokens.
class SquareSums {
 public:
  void add(const ActivationRows& rows) {
    Sum& sum = sums_[{rows.point, rows.layer, rows.expert}];
    sum.squares.resize(static_cast<std::size_t>(rows.cols));
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      const float* x = rows.x + r * rows.cols;
      for (std::int64_t c = 0; c < rows.cols; ++c) {
        sum.squares[static_cast<std::size_t>(c)] += static_cast<double>(x[c]) * x[c];
      }
    }
    sum.rows += rows.rows;
  }

  std::map<std::string, std::vector<float>> means() const {
    std::map<std::string, std::vector<float>> out;
    for (const auto& [key, sum] : sums_) {
      std::vector<float> mean(sum.squares.size());
      for (std::size_t c = 0; c < mean.size(); ++c) {
        mean[c] = static_cast<float>(sum.squares[c] / static_cast<double>(sum.rows));
      }
      const auto [point, layer, expert] = key;
      const bool in_layer = point != ActivationPoint::kHead;
      for (const TensorRole role : readers_of(point)) {
        out[tensor_name({role, in_layer ? layer : -1, false, expert})] = mean;
      }
    }
    return out;
  }

 private:
  struct Sum {
    std::vector<double> squares;
    std::int64_t rows = 0;
  };
  std::map<std::tuple<ActivationPoint, std::int64_t, std::int64_t>, Sum> sums_;
};

}  // namespace

ImportanceMatrix measure_importance(std::shared_ptr<const Model> model,
                                    std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                    const CalibrationOptions& options,
                                    const ProgressCallback& progress) {
  SquareSums sums;
  const std::int64_t seen = run_text(std::move(model), tokens, bos, options, progress,
                                     [&sums](const ActivationRows& rows) { sums.add(rows); });
  return {sums.means(), seen};
}

TextStatistics measure_text(const std::shared_ptr<const Checkpoint>& model,
                            std::span<const TokenId> tokens, std::optional<TokenId> bos,
                            const CalibrationOptions& options, const ProgressCallback& progress) {
  SquareSums sums;
  Chunks chunks = chunks_of(tokens, bos, model->config(), options);
  std::int64_t seen = 0;
  for (const auto& chunk : chunks) seen += static_cast<std::int64_t>(chunk.size());
  TextStatistics out;
  out.products = std::make_shared<TextProducts>(
      model, std::move(chunks), options.threads,
      [&sums](const ActivationRows& rows) { sums.add(rows); }, progress);
  out.importance = {sums.means(), seen};
  return out;
}

}  // namespace lathe
