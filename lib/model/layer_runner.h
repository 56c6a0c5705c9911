// A model's layers one at a time, on texts whose hidden states somebody else keeps: for
// calibration, which looks at one layer of a whole text before it goes on to the next.
//
// Each text stands for itself, from position 0 on. Belongs to one thread. Errors: kLimit (memory),
// kUnsupported as kv_layout().
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "lathe/activations.h"
#include "lathe/checkpoint.h"
#include "lathe/session.h"
#include "lathe/tokenizer.h"

namespace lathe {

class LayerRunner {
 public:
  // Texts have up to `most` tokens, at least 1. `observer` sees the inputs of all matrices but the
  // output's.
  LayerRunner(std::shared_ptr<const Checkpoint> checkpoint, std::int64_t most, int threads,
              ActivationObserver observer);
  ~LayerRunner();

  // hidden: [tokens][hidden_size].
  void embed(std::span<const TokenId> tokens, float* hidden);
  void run(std::span<const TokenId> tokens, std::int64_t layer, float* hidden);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
