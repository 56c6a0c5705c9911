// What a session consists of: checks what is asked, cuts it into batches, and keeps the sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/session.h"

#include "model/forward.h"
#include "model/kv_cache.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Session::State {
 public:
  // `loaded` is the model's.
  State(std::shared_ptr<const Model> model, const LoadedModel& loaded,
        const SessionOptions& options);

  KvCache& cache() noexcept { return cache_; }
  const Model& model() const noexcept { return *model_; }
  int threads() const noexcept { return pool_.size(); }

  // As Session's, and SessionPages::append().
  std::span<const float> forward(std::span<const SequenceInput> inputs);
  std::span<const float> hidden_states(std::span<const SequenceInput> inputs, std::int64_t layer);
  std::int64_t context() const noexcept;
  void append_pages(SequenceId sequence, std::int64_t tokens, std::span<const std::byte> pages);

 private:
  // Appends and computes; `run(floats)` gives the wanted rows of batch_, of so many floats each.
  template <typename Run>
  std::span<const float> compute(std::span<const SequenceInput> inputs, std::int64_t floats,
                                 Run&& run);
  // Throws unless every input can be computed; returns the rows of logits wanted.
  std::int64_t check(std::span<const SequenceInput> inputs) const;
  // Memory for all of `inputs`, so that nothing fails half-way.
  void reserve(std::span<const SequenceInput> inputs, std::int64_t wanted, std::int64_t floats);
  // Fills batch_ with the next rows, from token `offset` of input `index` on, and moves both.
  void next_batch(std::span<const SequenceInput> inputs, std::size_t& index, std::size_t& offset);

  std::shared_ptr<const Model> model_;
  std::int64_t chunk_;
  ThreadPool pool_;
  KvCache cache_;
  Forward forward_;
  Batch batch_;
  std::vector<KvCache::Growth> growths_;  // of the present step, by sequence
  std::vector<std::int64_t> lengths_;     // before it
  FloatBuffer results_;                   // logits or hidden states
};

}  // namespace lathe
