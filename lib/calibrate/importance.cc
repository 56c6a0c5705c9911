#include "lathe/importance.h"

#include <algorithm>
#include <tuple>

#include "lathe/activations.h"
#include "lathe/session.h"

#include "base/fail.h"
#include "checkpoint/model_tensors.h"

namespace lathe {
namespace {

// The matrices that read an activation point. With tied embeddings the head is the embedding:
// both names get the vector.
std::vector<TensorRole> readers_of(ActivationPoint point) {
  switch (point) {
    case ActivationPoint::kAttentionInput:
      return {TensorRole::kQuery, TensorRole::kKey, TensorRole::kValue};
    case ActivationPoint::kAttentionOutput:
      return {TensorRole::kAttentionOutput};
    case ActivationPoint::kMlpInput:
      return {TensorRole::kGate, TensorRole::kUp};
    case ActivationPoint::kMlpHidden:
      return {TensorRole::kDown};
    case ActivationPoint::kSharedInput:
      return {TensorRole::kSharedGate, TensorRole::kSharedUp};
    case ActivationPoint::kSharedHidden:
      return {TensorRole::kSharedDown};
    case ActivationPoint::kHead:
      break;
  }
  return {TensorRole::kHead, TensorRole::kEmbedding};
}

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
  const auto length = static_cast<std::int64_t>(tokens.size());
  if (length == 0) fail_invalid("the calibration text is empty");
  // A text shorter than a chunk is one chunk.
  const std::int64_t context = std::min({options.context, model->config().max_position, length});
  std::int64_t chunks = length / context;
  if (options.max_chunks > 0) chunks = std::min(chunks, options.max_chunks);

  SquareSums sums;
  SessionOptions session_options;
  session_options.threads = options.threads;
  session_options.max_tokens = context;
  session_options.observer = [&sums](const ActivationRows& rows) { sums.add(rows); };
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
  return {sums.means(), chunks * context};
}

}  // namespace lathe
