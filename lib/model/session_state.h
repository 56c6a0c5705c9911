// What a session consists of: checks what is asked, cuts it into batches, and keeps the sequences.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "lathe/session.h"

#include "model/ensemble_orders.h"
#include "model/forward.h"
#include "model/kv_cache.h"
#include "parallel/thread_pool.h"

namespace lathe {

class Session::State {
 public:
  // `loaded` is the model's.
  State(std::shared_ptr<const Model> model, const LoadedModel& loaded,
        const SessionOptions& options);

  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  KvCache& cache() noexcept { return cache_; }
  const Model& model() const noexcept { return *model_; }
  int threads() const noexcept { return pool_.size(); }

  // As Session's, and SessionPages'.
  SequenceId add();
  SequenceId fork(SequenceId source, std::int64_t length);
  void truncate(SequenceId sequence, std::int64_t length);
  void drop(SequenceId sequence);
  std::span<const float> forward(std::span<const SequenceInput> inputs);
  std::span<const float> hidden_states(std::span<const SequenceInput> inputs, std::int64_t layer);
  std::int64_t context() const noexcept;
  void export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                    std::span<std::byte> out) const;
  void append_pages(SequenceId sequence, std::int64_t tokens, std::span<const std::byte> pages);

  // Its number among the sessions of an ensemble, in which it is open from now on.
  void set_number(std::uint64_t number) noexcept { number_ = number; }
  // In a process that follows: a step, as process 0 has taken it (ensemble_orders.h).
  void follow_step(ByteReader& order);

 private:
  // What the wanted rows are: logits, or hidden states behind so many layers.
  static constexpr std::int64_t kLogits = -1;

  std::int64_t floats_of(std::int64_t wanted) const noexcept;
  // Appends and computes.
  std::span<const float> compute(std::span<const SequenceInput> inputs, std::int64_t wanted);
  std::span<const float> run(std::span<const SequenceInput> inputs, std::int64_t rows,
                             std::int64_t wanted);
  // compute() for each batch of the inputs, in batch_.
  template <typename Compute>
  void for_batches(std::span<const SequenceInput> inputs, Compute compute);
  // Every batch through the layers of this process; process 0 has the result.
  void run_batches(std::span<const SequenceInput> inputs, std::int64_t wanted);
  void run_stages(std::span<const SequenceInput> inputs, std::int64_t rows, std::int64_t wanted);
  // Throws unless every input can be computed; returns the rows of logits wanted.
  std::int64_t check(std::span<const SequenceInput> inputs) const;
  // Memory for all of `inputs`, so that nothing fails half-way.
  void reserve(std::span<const SequenceInput> inputs, std::int64_t wanted, std::int64_t floats);
  // Fills batch_ with the next rows, from token `offset` of input `index` on, and moves both.
  void next_batch(std::span<const SequenceInput> inputs, std::size_t& index, std::size_t& offset);

  // What has been done to the sequences since the last step, for the ensemble's other processes.
  void note(StepNote note, std::initializer_list<std::int64_t> numbers);

  std::shared_ptr<const Model> model_;
  Ensemble* ensemble_;
  std::uint64_t number_ = 0;
  OrderText notes_;
  std::int64_t chunk_;
  ThreadPool pool_;
  KvCache cache_;
  Forward forward_;
  Batch batch_;
  std::vector<KvCache::Growth> growths_;  // of the present step, by sequence
  std::vector<std::int64_t> lengths_;     // before it
  FloatBuffer results_;                   // logits or hidden states
  FloatBuffer states_;                    // hidden states of which process 0 makes logits
  std::vector<std::int64_t> counts_;      // how many of each batch
};

}  // namespace lathe
