#include "model/layer_runner.h"

#include <array>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "lathe/host/cpu_count.h"

#include "base/fail.h"
#include "model/batch.h"
#include "model/forward.h"
#include "model/kv_cache.h"
#include "model/kv_layout.h"
#include "model/loaded_model.h"
#include "parallel/thread_pool.h"

namespace lathe {

class LayerRunner::State {
 public:
  State(std::shared_ptr<const Checkpoint> checkpoint, std::int64_t most, int threads,
        ActivationObserver observer)
      : model_(std::move(checkpoint), nullptr, LoadOptions{.threads = threads}),
        pool_(threads == 0 ? available_cpus() : threads),
        cache_(kv_shape(model_.config(), KvType::kF16), most),
        forward_(model_, cache_, pool_, std::move(observer)),
        most_(most) {
    forward_.reserve(most);
  }

  void embed(Texts texts, float* hidden) {
    on_batch(texts, [&] { forward_.embed(batch_, hidden); });
  }
  void run(Texts texts, std::int64_t layer, float* hidden, float* normed) {
    on_batch(texts, [&] { forward_.run_layer(batch_, layer, hidden, normed); });
  }
  void head(const float* normed, std::int64_t rows, float* logits) {
    forward_.head(normed, rows, logits);
  }

  void exchange(const Checkpoint& other, std::size_t tensor) {
    const TensorId& id = other.tensors()[tensor].id;
    TensorId bias = id;
    bias.bias = true;
    std::optional<std::size_t> bias_index;
    for (std::size_t i = 0; i < other.tensors().size(); ++i) {
      if (other.tensors()[i].id == bias) bias_index = i;
    }
    auto matrix = Linear::load(other, tensor, bias_index, pool_);
    own_.emplace_back(id, std::exchange(matrix_at(model_.weights(), id), std::move(matrix)));
  }
  void put_back() noexcept {
    for (; !own_.empty(); own_.pop_back()) {
      matrix_at(model_.weights(), own_.back().first) = std::move(own_.back().second);
    }
  }

 private:
  template <typename Run>
  void on_batch(Texts texts, Run&& run) {
    batch_ = {};
    for (const std::vector<TokenId>& text : texts) add_to_batch(text);
    run();
    for (const Segment& segment : batch_.segments) cache_.drop(segment.sequence);
  }

  void add_to_batch(const std::vector<TokenId>& text) {
    const auto rows = static_cast<std::int64_t>(text.size());
    const std::int64_t before = batch_.rows();
    if (before + rows > most_) fail(ErrorCode::kBug, "{} tokens for {}", before + rows, most_);
    const SequenceId sequence = cache_.add();
    cache_.reserve(std::array{KvCache::Growth{sequence, rows}}, rows);
    cache_.extend(sequence, rows);
    for (std::int64_t i = 0; i < rows; ++i) {
      batch_.tokens.push_back(text[static_cast<std::size_t>(i)]);
      batch_.positions.push_back(i);
      batch_.sequences.push_back(sequence);
    }
    batch_.segments.push_back({sequence, before, 0, rows});
    batch_.wanted = batch_.segments;
  }

  LoadedModel model_;
  ThreadPool pool_;
  KvCache cache_;
  Forward forward_;
  Batch batch_;
  std::int64_t most_;
  std::vector<std::pair<TensorId, std::unique_ptr<Linear>>> own_;  // that were exchanged
};

LayerRunner::LayerRunner(std::shared_ptr<const Checkpoint> checkpoint, std::int64_t most,
                         int threads, ActivationObserver observer) {
  try {
    state_ = std::make_unique<State>(std::move(checkpoint), most, threads, std::move(observer));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kLimit, "out of memory while making room for {} tokens", most);
  }
}

LayerRunner::~LayerRunner() = default;

void LayerRunner::embed(Texts texts, float* hidden) { state_->embed(texts, hidden); }

void LayerRunner::run(Texts texts, std::int64_t layer, float* hidden, float* normed) {
  state_->run(texts, layer, hidden, normed);
}

void LayerRunner::head(const float* normed, std::int64_t rows, float* logits) {
  state_->head(normed, rows, logits);
}

void LayerRunner::exchange(const Checkpoint& other, std::size_t tensor) {
  state_->exchange(other, tensor);
}

void LayerRunner::put_back() noexcept { state_->put_back(); }

}  // namespace lathe
