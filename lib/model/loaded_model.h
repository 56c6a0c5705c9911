// What a Model is made of: weights and rotary frequencies.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/model.h"

#include "model/locked_memory.h"
#include "model/rope.h"
#include "model/split.h"
#include "model/weights.h"

namespace lathe {

class LoadedModel {
 public:
  // `adapter` may be null, and fits; nothing of it is kept.
  explicit LoadedModel(std::shared_ptr<const Checkpoint> checkpoint,
                       const LoraAdapter* adapter = nullptr, const LoadOptions& options = {});
  // Process 0 of an ensemble has the others let go of the model.
  ~LoadedModel();
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  const ModelConfig& config() const noexcept { return checkpoint_->config(); }
  bool batch_invariant() const noexcept { return batch_invariant_; }
  std::string fingerprint() const {
    const std::string base = lathe::fingerprint(*checkpoint_);
    return adapter_.empty() ? base : base + " lora " + adapter_;
  }

  // Once all processes of an ensemble have it: what is true of the whole is known to each.
  void settle() noexcept;

  void fetch_weights(const std::function<bool()>& enough) const;

  const Weights& weights() const noexcept { return weights_; }
  Weights& weights() noexcept { return weights_; }
  // The processes that compute the model together, or null; what of it this one has; the rows that
  // stay together (split.h).
  Ensemble* ensemble() const noexcept { return ensemble_.get(); }
  const Share& share() const noexcept { return share_; }
  // By process its layers, where each has whole ones.
  const std::vector<Range>& stages() const noexcept { return stages_; }
  std::int64_t grain() const noexcept { return grain_; }
  // Its number among the models of an ensemble that has loaded it; 0 before.
  std::uint64_t number() const noexcept { return number_; }
  void set_number(std::uint64_t number) noexcept { number_ = number; }
  // The rotations of the model's layers, each kind once, and which one a layer has.
  const std::vector<Rope>& ropes() const noexcept { return ropes_; }
  std::size_t rope_of(std::int64_t layer) const noexcept {
    return rope_of_[static_cast<std::size_t>(layer)];
  }

 private:
  void add_ropes();

  std::shared_ptr<const Checkpoint> checkpoint_;  // weights point into it
  std::shared_ptr<Ensemble> ensemble_;
  std::vector<Range> stages_;
  Share share_;
  std::int64_t grain_;
  std::uint64_t number_ = 0;
  Weights weights_;
  std::string adapter_;  // its fingerprint, or empty
  std::vector<Rope> ropes_;
  std::vector<std::size_t> rope_of_;  // by layer
  bool batch_invariant_ = true;
  std::optional<LockedMemory> lock_;
};

// What this process is to have of the checkpoint. Throws kUnsupported (layers_by_process).
Share share_of(const Checkpoint& checkpoint, const LoadOptions& options);

const LoadedModel& loaded_of(const Model& model) noexcept;

}  // namespace lathe
