#include "model/place_weights.h"

#include <initializer_list>
#include <span>

#include "parallel/numa.h"

namespace lathe {
namespace {

using Matrices = std::span<const Linear* const>;

void spread(Matrices matrices) {
  for (const Linear* linear : matrices) {
    if (linear == nullptr) continue;
    for (const auto piece : linear->memory()) place_evenly(piece);
  }
}

// What is multiplied in one go (model/forward.cc).
void share_out(std::initializer_list<const Linear*> list, int workers) {
  const Matrices together(list.begin(), list.size());
  if (numa_mode() != NumaMode::kBind) return spread(together);
  for (int worker = 0; worker < workers; ++worker) {
    for (const auto piece : Linear::memory_of_worker(together, worker, workers)) {
      place_near(piece, worker, workers);
    }
  }
}

void share_out(const ExpertWeights& mlp, int workers) {
  share_out({mlp.gate.get(), mlp.up.get()}, workers);
  share_out({mlp.down.get()}, workers);
}

}  // namespace

void place_weights(const Weights& weights, int workers) {
  if (numa_mode() == NumaMode::kOff) return;
  for (const LayerWeights& layer : weights.layers) {
    share_out({layer.q.get(), layer.k.get(), layer.v.get()}, workers);
    share_out({layer.o.get()}, workers);
    share_out(layer.mlp, workers);
    share_out(layer.mixture.shared, workers);
    for (const ExpertWeights& expert : layer.mixture.experts) {
      const Linear* const matrices[] = {expert.gate.get(), expert.up.get(), expert.down.get()};
      spread(matrices);
    }
  }
  share_out({&weights.output()}, workers);
}

}  // namespace lathe
