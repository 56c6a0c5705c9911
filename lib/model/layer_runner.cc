#include "model/layer_runner.h"

#include <array>
#include <new>
#include <utility>

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

  void embed(std::span<const TokenId> tokens, float* hidden) {
    on_batch(tokens, [&] { forward_.embed(batch_, hidden); });
  }
  void run(std::span<const TokenId> tokens, std::int64_t layer, float* hidden) {
    on_batch(tokens, [&] { forward_.run_layer(batch_, layer, hidden, nullptr); });
  }

 private:
  template <typename Run>
  void on_batch(std::span<const TokenId> tokens, Run&& run) {
    const auto rows = static_cast<std::int64_t>(tokens.size());
    if (rows > most_) fail(ErrorCode::kBug, "{} tokens for {}", rows, most_);
    const SequenceId sequence = cache_.add();
    cache_.reserve(std::array{KvCache::Growth{sequence, rows}}, rows);
    cache_.extend(sequence, rows);
    batch_ = {};
    for (std::int64_t i = 0; i < rows; ++i) {
      batch_.tokens.push_back(tokens[static_cast<std::size_t>(i)]);
      batch_.positions.push_back(i);
      batch_.sequences.push_back(sequence);
    }
    batch_.segments = batch_.wanted = {{sequence, 0, 0, rows}};
    run();
    cache_.drop(sequence);
  }

  LoadedModel model_;
  ThreadPool pool_;
  KvCache cache_;
  Forward forward_;
  Batch batch_;
  std::int64_t most_;
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

void LayerRunner::embed(std::span<const TokenId> tokens, float* hidden) {
  state_->embed(tokens, hidden);
}

void LayerRunner::run(std::span<const TokenId> tokens, std::int64_t layer, float* hidden) {
  state_->run(tokens, layer, hidden);
}

}  // namespace lathe
