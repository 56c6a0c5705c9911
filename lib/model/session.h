// Session: checks what is asked, cuts it into batches, and keeps the sequences.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lathe/model.h"

#include "model/forward.h"
#include "model/kv_cache.h"
#include "parallel/thread_pool.h"

namespace lathe {

class ModelSession final : public Session {
 public:
  ModelSession(std::shared_ptr<const LoadedModel> model, const SessionOptions& options);

  SequenceId add() override { return cache_.add(); }
  SequenceId fork(SequenceId source, std::int64_t length) override {
    return cache_.fork(source, length);
  }
  bool can_fork(SequenceId source, std::int64_t length) const override {
    return cache_.can_fork(source, length);
  }
  void truncate(SequenceId sequence, std::int64_t length) override {
    cache_.truncate(sequence, length);
  }
  void drop(SequenceId sequence) override { cache_.drop(sequence); }
  std::int64_t length(SequenceId sequence) const override { return cache_.length(sequence); }
  std::span<const float> forward(std::span<const SequenceInput> inputs) override;

  std::int64_t context() const noexcept override;
  std::int64_t most_stored(std::int64_t length) const noexcept override {
    return std::min(length, cache_.most_stored(chunk_));
  }
  KvLayout kv_layout() const override;
  KvUsage kv_usage() const noexcept override { return cache_.usage(); }
  SequencePages pages(SequenceId sequence) const override { return cache_.pages(sequence); }
  void export_pages(SequenceId sequence, std::int64_t first, std::int64_t count,
                    std::span<std::byte> out) const override {
    cache_.export_pages(sequence, first, count, out);
  }
  void append_pages(SequenceId sequence, std::int64_t tokens,
                    std::span<const std::byte> pages) override;
  const Model& model() const noexcept override { return *model_; }
  int threads() const noexcept override { return pool_.size(); }

 private:
  // Throws unless every input can be computed; returns the rows of logits wanted.
  std::int64_t check(std::span<const SequenceInput> inputs) const;
  // Memory for all of `inputs`, so that nothing fails half-way.
  void reserve(std::span<const SequenceInput> inputs, std::int64_t wanted);
  // Fills batch_ with the next rows, from token `offset` of input `index` on, and moves both.
  void next_batch(std::span<const SequenceInput> inputs, std::size_t& index, std::size_t& offset);

  std::shared_ptr<const LoadedModel> model_;
  std::int64_t chunk_;
  ThreadPool pool_;
  KvCache cache_;
  Forward forward_;
  Batch batch_;
  std::vector<KvCache::Growth> growths_;  // of the present step, by sequence
  std::vector<std::int64_t> lengths_;     // before it
  FloatBuffer logits_;
};

}  // namespace lathe
