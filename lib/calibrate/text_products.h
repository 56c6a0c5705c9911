// E[x xᵀ] of a text, a layer at a time.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lathe/activations.h"
#include "lathe/quantize.h"

#include "calibrate/chunks.h"
#include "calibrate/product_sums.h"
#include "model/layer_runner.h"
#include "parallel/thread_pool.h"

namespace lathe {

class TextProducts final : public InputProducts {
 public:
  // head: the products of what the output matrix reads.
  TextProducts(const std::shared_ptr<const Checkpoint>& model, Chunks chunks,
               std::vector<float> head, int threads);

  std::shared_ptr<const std::vector<float>> of(const TensorId& matrix) override;

 private:
  using Products = std::shared_ptr<const std::vector<float>>;
  using Key = std::pair<ActivationPoint, std::int64_t>;  // with the expert

  // Runs the layers up to that one, and keeps the products of its inputs.
  void go_to(std::int64_t layer);
  void restart();

  std::int64_t hidden_size_;
  Chunks chunks_;
  ThreadPool pool_;
  LayerRunner runner_;
  std::vector<std::vector<float>> hidden_;  // of each chunk, in front of layer next_
  std::int64_t next_ = 0;
  bool watching_ = false;
  std::map<Key, ProductSums> sums_;
  std::map<Key, Products> products_;  // of layer next_ - 1
  Products head_;
};

}  // namespace lathe
