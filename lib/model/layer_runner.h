// A model's layers one at a time, on texts whose hidden states somebody else keeps: for
// calibration, which looks at one layer of a whole text before it goes on to the next, and for
// trying other matrices in a layer.
//
// Each text stands for itself, from position 0 on; several may be computed together, their rows one
// behind the other. Belongs to one thread. Errors: kLimit (memory),
// kUnsupported as kv_layout().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/activations.h"
#include "lathe/checkpoint.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

namespace lathe {

class LayerRunner {
 public:
  using Texts = std::span<const std::vector<TokenId>>;

  // Texts have up to `most` tokens together, at least 1. `observer` sees the inputs of all matrices
  // but the output's.
  LayerRunner(std::shared_ptr<const Checkpoint> checkpoint, std::int64_t most, int threads,
              ActivationObserver observer);
  ~LayerRunner();

  // hidden: [tokens][hidden_size].
  void embed(Texts texts, float* hidden);
  // `normed`, where not null, gets what the layer after it, or the output matrix, reads.
  void run(Texts texts, std::int64_t layer, float* hidden, float* normed = nullptr);
  // normed: [rows][hidden_size], of as many rows as a text may have tokens; logits: [rows][vocab].
  void head(const float* normed, std::int64_t rows, float* logits);

  // From here on that matrix is the one of `other`, a checkpoint of the same model, which must
  // outlive it; put_back() undoes all of these.
  void exchange(const Checkpoint& other, std::size_t tensor);
  void put_back() noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
