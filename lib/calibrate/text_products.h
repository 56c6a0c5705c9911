// E[x xᵀ] of a text, a layer at a time.
//
// One run over the text finds how much each input matters, and keeps the products of as many layers
// as there is room for; those of the others are made again when they are asked for, from the
// hidden states in front of the first of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lathe/activations.h"
#include "lathe/host/progress.h"
#include "lathe/quantize.h"

#include "calibrate/chunks.h"
#include "calibrate/product_sums.h"
#include "model/layer_runner.h"
#include "parallel/thread_pool.h"

namespace lathe {

class TextProducts final : public InputProducts {
 public:
  // Bytes of products that are kept.
  static constexpr std::size_t kRoom = std::size_t{1} << 30;

  // Runs the text. `observer` sees the inputs of all matrices, the output's too, layer after layer
  // and in each of them chunk after chunk; `progress` counts layers.
  TextProducts(const std::shared_ptr<const Checkpoint>& model, Chunks chunks, int threads,
               ActivationObserver observer, const ProgressCallback& progress = {},
               std::size_t room = kRoom);

  std::shared_ptr<const std::vector<float>> of(const TensorId& matrix) override;

 private:
  using Products = std::shared_ptr<const std::vector<float>>;
  using Key = std::pair<ActivationPoint, std::int64_t>;  // with the expert
  // What counts of symmetric products, row after row up to the diagonal.
  struct Triangle {
    std::int64_t inputs = 0;
    std::vector<float> values;
  };
  using Layer = std::map<Key, Triangle>;

  void run_text(const ProgressCallback& progress);
  // Layer next_, over all chunks. `normed`: as LayerRunner::run(), of each chunk.
  void run_layer(const std::function<void(std::size_t chunk, const float* normed)>& normed = {});
  // The sums of that layer, if there is room; from the first without it on, nothing is kept.
  void keep_layer();
  // Puts the products of that layer's inputs into products_.
  void go_to(std::int64_t layer);

  std::int64_t layers_, hidden_size_;
  Chunks chunks_;
  ActivationObserver observer_;  // during the first run
  std::size_t room_;
  ThreadPool pool_;
  LayerRunner runner_;
  std::vector<std::vector<float>> hidden_;  // of each chunk, in front of layer next_
  std::int64_t next_ = 0;
  std::vector<std::vector<float>> start_;  // in front of layer kept_.size()
  bool watching_ = true;
  std::map<Key, ProductSums> sums_;
  std::vector<Layer> kept_;
  std::map<Key, Products> products_;  // of layer shown_
  std::int64_t shown_ = -1;
  Products head_;
};

}  // namespace lathe
