#include "lathe/importance.h"

#include <tuple>
#include <utility>

#include "lathe/activations.h"
#include "lathe/host/cpu_count.h"
#include "lathe/session.h"

#include "calibrate/chunks.h"
#include "calibrate/product_sums.h"
#include "calibrate/readers.h"
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

template <typename Add>
std::int64_t run_chunks(std::shared_ptr<const Model> model, const Chunks& chunks,
                        const CalibrationOptions& options, const ProgressCallback& progress,
                        Add&& add) {
  const ModelConfig& config = model->config();
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.max_tokens = static_cast<std::int64_t>(chunks.front().size());
  session_options.observer = add;
  const auto session = Session::create(std::move(model), session_options);
  std::int64_t tokens = 0;
  for (const std::vector<TokenId>& chunk : chunks) {
    const auto rows = static_cast<std::int64_t>(chunk.size());
    if (progress) {
      progress(static_cast<std::uint64_t>(tokens / rows), chunks.size(), "calibration");
    }
    const SequenceId sequence = session->add();
    const SequenceInput input{sequence, chunk, true};
    const std::span<const float> normed = session->hidden_states(std::span(&input, 1));
    add(ActivationRows{ActivationPoint::kHead, config.num_layers(), normed.data(), rows,
                       config.hidden_size, -1});
    session->drop(sequence);
    tokens += rows;
  }
  return tokens;
}

}  // namespace

ImportanceMatrix measure_importance(std::shared_ptr<const Model> model,
                                    std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                    const CalibrationOptions& options,
                                    const ProgressCallback& progress) {
  const Chunks chunks = chunks_of(tokens, bos, model->config(), options);
  SquareSums sums;
  const std::int64_t seen = run_chunks(std::move(model), chunks, options, progress,
                                       [&sums](const ActivationRows& rows) { sums.add(rows); });
  return {sums.means(), seen};
}

TextStatistics measure_text(const std::shared_ptr<const Checkpoint>& model,
                            std::span<const TokenId> tokens, std::optional<TokenId> bos,
                            const CalibrationOptions& options, const ProgressCallback& progress) {
  LoadOptions load;
  load.threads = options.threads;
  Chunks chunks = chunks_of(tokens, bos, model->config(), options);
  ThreadPool pool(options.threads > 0 ? options.threads : available_cpus());
  SquareSums sums;
  ProductSums head;
  const auto add = [&](const ActivationRows& rows) {
    sums.add(rows);
    if (rows.point == ActivationPoint::kHead) head.add(rows.x, rows.rows, rows.cols, pool);
  };
  const std::int64_t seen =
      run_chunks(Model::load(model, nullptr, load), chunks, options, progress, add);
  TextStatistics out;
  out.importance = {sums.means(), seen};
  out.products = std::make_shared<TextProducts>(model, std::move(chunks), head.take_mean(pool),
                                                options.threads);
  return out;
}

}  // namespace lathe
