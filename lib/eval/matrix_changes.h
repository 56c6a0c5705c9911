// How far a model's predictions of a text stray when some of its matrices are others.
//
// The text is run once and what each layer reads is kept, so that a change is followed from its
// layer on only. Memory: the text's hidden states for each layer, and for the scored positions two
// floats per word of the vocabulary. Belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lathe/activations.h"
#include "lathe/checkpoint.h"
#include "lathe/checkpoint_parts.h"

#include "model/layer_runner.h"
#include "parallel/thread_pool.h"

namespace lathe {

class MatrixChanges {
 public:
  // `chunks` are texts that stand for themselves, of 8 tokens at least. Positions are spread over
  // their later three quarters.
  MatrixChanges(std::shared_ptr<const Checkpoint> model, std::vector<std::vector<TokenId>> chunks,
                int threads);

  // The Kullback-Leibler divergence to second order, ½ Var_p(Δ logits), in nats, when these
  // tensors, all of one layer, are those of `other`, a checkpoint of the same model with the same
  // list of tensors: for small changes the divergence itself, and beyond in proportion to the
  // square of the error.
  double divergence(const Checkpoint& other, std::span<const std::size_t> tensors);

  // What rounding to signed bytes with a scale for each `span` inputs loses of what a matrix of
  // this role reads, relative, in the mean over rows; span is one of kActivationSpans.
  double input_noise(TensorRole role, std::int64_t layer, std::int64_t span) const;

 private:
  struct Noise {
    std::map<std::int64_t, double> by_span;
    std::int64_t rows = 0;
  };

  void observe(const ActivationRows& rows);
  // Runs the layers from that one on: hidden_ to logits_, with what the output matrix reads at the
  // front of normed_.
  void finish(std::int64_t layer, bool keep);
  double compare();

  std::int64_t layers_, hidden_size_, vocab_;
  std::vector<std::vector<TokenId>> chunks_;
  std::vector<std::int64_t> scored_;  // rows of all
  bool observing_ = true;
  LayerRunner runner_;
  ThreadPool pool_;
  std::vector<std::vector<float>> inputs_;   // [layer]: what it reads
  std::vector<float> final_;                 // what the output matrix reads
  std::vector<float> base_logits_, base_p_;  // [scored][vocab]
  std::vector<float> hidden_, normed_, logits_;
  std::map<std::pair<ActivationPoint, std::int64_t>, Noise> noise_;
};

}  // namespace lathe
