#include "eval/matrix_changes.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "lathe/host/cpu_count.h"
#include "lathe/model_config.h"

#include "calibrate/readers.h"
#include "eval/log_softmax.h"
#include "tensor/packed_scheme.h"

namespace lathe {
namespace {

// Positions that are scored: as many as their logits, and as many probabilities, leave room for.
constexpr std::int64_t kMostLogits = std::int64_t{1} << 22;
constexpr std::int64_t kLeastScored = 48;
// Rows of an input whose rounding is looked at.
constexpr std::int64_t kNoiseRows = 32;

std::int64_t count_tokens(const std::vector<std::vector<TokenId>>& chunks) {
  std::int64_t sum = 0;
  for (const auto& chunk : chunks) sum += static_cast<std::int64_t>(chunk.size());
  return sum;
}

std::vector<std::int64_t> scored_rows(const std::vector<std::vector<TokenId>>& chunks,
                                      std::int64_t vocab) {
  std::vector<std::int64_t> able;
  std::int64_t begin = 0;
  for (const auto& chunk : chunks) {
    const auto length = static_cast<std::int64_t>(chunk.size());
    for (std::int64_t row = length / 4; row < length; ++row) able.push_back(begin + row);
    begin += length;
  }
  const auto all = static_cast<std::int64_t>(able.size());
  const std::int64_t count = std::min(all, std::max(kLeastScored, kMostLogits / vocab));
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) {
    out.push_back(able[static_cast<std::size_t>(i * all / count)]);
  }
  return out;
}

double rounding_noise(const float* x, std::int64_t cols, std::int64_t span) {
  double lost = 0.0, all = 0.0;
  for (std::int64_t begin = 0; begin < cols; begin += span) {
    const std::int64_t end = std::min(cols, begin + span);
    float most = 0.0F;
    for (std::int64_t i = begin; i < end; ++i) most = std::max(most, std::fabs(x[i]));
    const double step = most / 127.0;
    for (std::int64_t i = begin; i < end; ++i) {
      const double e = step > 0.0 ? x[i] - step * std::nearbyint(x[i] / step) : 0.0;
      lost += e * e;
      all += static_cast<double>(x[i]) * x[i];
    }
  }
  return all > 0.0 ? lost / all : 0.0;
}

// ½ Var_p(logits - base).
double half_variance(const float* base, const float* p, const float* logits, std::int64_t n) {
  double mean = 0.0, square = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double delta = static_cast<double>(logits[i]) - base[i];
    const double weighted = p[i] * delta;
    mean += weighted;
    square += weighted * delta;
  }
  return std::max(0.0, 0.5 * (square - mean * mean));
}

}  // namespace

MatrixChanges::MatrixChanges(std::shared_ptr<const Checkpoint> model,
                             std::vector<std::vector<TokenId>> chunks, int threads)
    : layers_(model->config().num_layers()),
      hidden_size_(model->config().hidden_size),
      vocab_(model->config().vocab_size),
      chunks_(std::move(chunks)),
      scored_(scored_rows(chunks_, vocab_)),
      runner_(model, count_tokens(chunks_), threads,
              [this](const ActivationRows& rows) {
                if (observing_) observe(rows);
              }),
      pool_(threads > 0 ? threads : available_cpus()) {
  const std::size_t rows = scored_.size(), vocab = static_cast<std::size_t>(vocab_);
  hidden_.resize(static_cast<std::size_t>(count_tokens(chunks_) * hidden_size_));
  normed_.resize(hidden_.size());
  logits_.resize(rows * vocab);
  runner_.embed(chunks_, hidden_.data());
  finish(0, true);
  observing_ = false;
  final_.assign(normed_.begin(),
                normed_.begin() + static_cast<std::ptrdiff_t>(rows) * hidden_size_);
  base_logits_ = logits_;
  base_p_.resize(base_logits_.size());
  pool_.parallel_for(static_cast<std::int64_t>(rows), 1, [&](std::int64_t first, std::int64_t) {
    const std::size_t at = static_cast<std::size_t>(first) * vocab;
    const auto logits = std::span(base_logits_).subspan(at, vocab);
    const double lse = libm_log_sum_exp(logits);
    for (std::size_t i = 0; i < vocab; ++i) {
      base_p_[at + i] = static_cast<float>(std::exp(logits[i] - lse));
    }
  });
}

void MatrixChanges::observe(const ActivationRows& rows) {
  if (rows.point == ActivationPoint::kRouting) return;
  Noise& noise = noise_[{rows.point, rows.layer}];
  const std::int64_t count = std::min(rows.rows, kNoiseRows);
  for (std::int64_t i = 0; i < count; ++i) {
    const float* x = rows.x + i * rows.rows / count * rows.cols;
    for (const std::int32_t span : kActivationSpans) {
      noise.by_span[span] += rounding_noise(x, rows.cols, span);
    }
  }
  noise.rows += count;
}

double MatrixChanges::input_noise(TensorRole role, std::int64_t layer, std::int64_t span) const {
  const ActivationPoint point = point_of(role);
  const auto found = noise_.find({point, point == ActivationPoint::kHead ? layers_ : layer});
  if (found == noise_.end() || found->second.rows == 0) return 0.0;
  return found->second.by_span.at(span) / static_cast<double>(found->second.rows);
}

void MatrixChanges::finish(std::int64_t layer, bool keep) {
  for (; layer < layers_; ++layer) {
    if (keep) inputs_.push_back(hidden_);
    runner_.run(chunks_, layer, hidden_.data(), normed_.data());
  }
  // The rows move towards the front, in order.
  for (std::size_t i = 0; i < scored_.size(); ++i) {
    std::copy_n(normed_.data() + scored_[i] * hidden_size_, hidden_size_,
                normed_.data() + static_cast<std::int64_t>(i) * hidden_size_);
  }
  runner_.head(normed_.data(), static_cast<std::int64_t>(scored_.size()), logits_.data());
}

double MatrixChanges::compare() {
  std::vector<double> lost(scored_.size());
  pool_.parallel_for(
      static_cast<std::int64_t>(scored_.size()), 1, [&](std::int64_t first, std::int64_t) {
        const std::int64_t at = first * vocab_;
        lost[static_cast<std::size_t>(first)] = half_variance(
            base_logits_.data() + at, base_p_.data() + at, logits_.data() + at, vocab_);
      });
  double sum = 0.0;
  for (const double one : lost) sum += one;
  return sum / static_cast<double>(lost.size());
}

double MatrixChanges::divergence(const Checkpoint& other, std::span<const std::size_t> tensors) {
  const TensorId& id = other.tensors()[tensors.front()].id;
  for (const std::size_t tensor : tensors) runner_.exchange(other, tensor);
  if (id.role == TensorRole::kHead) {
    runner_.head(final_.data(), static_cast<std::int64_t>(scored_.size()), logits_.data());
  } else if (id.role == TensorRole::kEmbedding) {
    runner_.embed(chunks_, hidden_.data());
    finish(0, false);
  } else {
    hidden_ = inputs_[static_cast<std::size_t>(id.layer)];
    finish(id.layer, false);
  }
  runner_.put_back();
  return compare();
}

}  // namespace lathe
