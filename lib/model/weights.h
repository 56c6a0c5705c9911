// The weights of a decoder-only transformer: which tensor is what, and that each fits.
//
// Nothing here knows a family: a table of Hugging Face's tensor names, the shape that the
// config gives each, and the flags of ModelConfig (biases, q/k norms, tied embeddings) say
// what must be there. A tensor that is missing, has another shape or is not known rejects
// the file: a model is never run without a part of it.
//
// Errors: kInvalid (missing, wrong shape), kUnsupported (a tensor or type that this forward
// pass does not have), kLimit (memory). Immutable after load, so thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lathe/checkpoint.h"

#include "model/linear.h"

namespace lathe {

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  std::unique_ptr<Linear> q;          // [heads · head_dim, hidden]
  std::unique_ptr<Linear> k;          // [kv_heads · head_dim, hidden]
  std::unique_ptr<Linear> v;          // [kv_heads · head_dim, hidden]
  std::vector<float> q_norm;          // [head_dim], or empty
  std::vector<float> k_norm;          // [head_dim], or empty
  std::unique_ptr<Linear> o;          // [hidden, heads · head_dim]
  std::vector<float> mlp_norm;        // [hidden]
  std::unique_ptr<Linear> gate;       // [intermediate, hidden]
  std::unique_ptr<Linear> up;         // [intermediate, hidden]
  std::unique_ptr<Linear> down;       // [hidden, intermediate]
};

struct Weights {
  std::unique_ptr<Linear> embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  std::unique_ptr<Linear> head;   // [vocab, hidden], or nothing: the embedding, transposed

  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;

  const Linear& output() const noexcept { return head != nullptr ? *head : *embedding; }
};

// The result keeps pointers into the checkpoint, which must outlive it. `adapter` may be null; it
// fits the checkpoint, and is copied.
Weights load_weights(const Checkpoint& checkpoint, const LoraAdapter* adapter = nullptr);

}  // namespace lathe
