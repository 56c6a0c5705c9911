// Model as the rest of this room sees it: weights and rotary frequencies.
#pragma once

#include <memory>
#include <optional>

#include "lathe/model.h"

#include "model/locked_memory.h"
#include "model/rope.h"
#include "model/weights.h"

namespace lathe {

class LoadedModel final : public Model {
 public:
  // `adapter` may be null, and fits; nothing of it is kept.
  explicit LoadedModel(std::shared_ptr<const Checkpoint> checkpoint,
                       const LoraAdapter* adapter = nullptr, const LoadOptions& options = {});

  const ModelConfig& config() const noexcept override { return checkpoint_->config(); }
  std::uint64_t parameters() const noexcept override { return weights_.parameters; }
  std::uint64_t weight_bytes() const noexcept override { return weights_.bytes; }
  bool batch_invariant() const noexcept override { return batch_invariant_; }
  std::string fingerprint() const override {
    const std::string base = lathe::fingerprint(*checkpoint_);
    return adapter_.empty() ? base : base + " lora " + adapter_;
  }

  void fetch_weights(const std::function<bool()>& enough) const override;

  const Weights& weights() const noexcept { return weights_; }
  const Rope& rope() const noexcept { return rope_; }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;  // weights point into it
  Weights weights_;
  std::string adapter_;  // its fingerprint, or empty
  Rope rope_;
  bool batch_invariant_ = true;
  std::optional<LockedMemory> lock_;
};

}  // namespace lathe
