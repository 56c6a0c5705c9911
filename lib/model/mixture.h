// The feed-forward part of a layer with experts: each token through those that the router chose.
//
// Tokens are put in order by expert, so that each expert that anybody chose is one product with all
// its tokens, and its weights are read once; an expert that nobody chose is not read. In an
// ensemble each process has rows of every expert. Bits: as those of products (linear.h), since a
// token's outputs are added in the order of its own experts.
//
// Scratch is kept from call to call. Belongs to one session.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lathe/activations.h"
#include "lathe/session.h"

#include "model/float_buffer.h"
#include "model/linear.h"
#include "model/router.h"
#include "model/row_gather.h"
#include "model/weights.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Mixture {
 public:
  // For the layers of the model that have experts. `grain` as in split.h.
  Mixture(const ModelConfig& config, ThreadPool& pool, RowGather& gather, std::int64_t grain);

  // Memory for so many rows. Throws std::bad_alloc.
  void reserve(std::int64_t rows);

  // x, out: [rows][hidden]. `observe`, where not empty, is shown the routing and the inputs of
  // matrices.
  void run(const MixtureWeights& weights, const LayerConfig& layer, std::int64_t number,
           const float* x, std::int64_t rows, float* out, const ActivationObserver& observe);

 private:
  // An expert and its tokens: the pairs [first, first + rows) of all in order.
  struct Share {
    std::int32_t expert;
    std::int64_t first;
    std::int64_t rows;
  };
  // So many products at once: enough for all experts of a token, few enough that what is made of
  // their inputs stays small.
  static constexpr std::size_t kAtOnce = 16;

  static void show_routes(const Routes& routes, const ExpertsConfig& experts, std::int64_t number,
                          std::int64_t rows, const ActivationObserver& observe);
  void sort_by_expert(const Routes& routes, const ExpertsConfig& experts, std::int64_t rows);
  void run_some(const MixtureWeights& weights, const MlpConfig& mlp, std::int64_t number,
                std::span<const Share> shares, const float* x, const ActivationObserver& observe);
  void run_shared(const MixtureWeights& weights, const LayerConfig& layer, std::int64_t number,
                  const float* x, std::int64_t rows, const ActivationObserver& observe);
  void add_up(const Routes& routes, std::int64_t used, std::int64_t rows, float* out) noexcept;
  void add_shared(const MixtureWeights& weights, const float* x, std::int64_t rows,
                  float* out) noexcept;

  ThreadPool& pool_;
  RowGather& gather_;
  std::int64_t grain_;
  std::int64_t hidden_;
  // The largest of any layer.
  std::int64_t experts_ = 0;
  std::int64_t used_ = 0;
  std::int64_t width_ = 0;
  std::int64_t shared_width_ = 0;
  Router router_;
  std::array<LinearInput, kAtOnce> inputs_;
  std::vector<Share> shares_;
  std::vector<std::int32_t> token_;  // of each pair in order
  std::vector<std::int32_t> place_;  // [rows][used]: where the pair stands
  std::vector<std::int64_t> next_;   // [experts]
  FloatBuffer in_;                   // [pairs][hidden], of those at once
  FloatBuffer gate_;                 // [pairs][width]; of the shared expert [rows][its width]
  FloatBuffer up_;                   // the same
  FloatBuffer out_;                  // [pairs][hidden]
};

}  // namespace lathe
