// Editing mixtures of experts: a model with some of its experts only, or with some of another's.
//
//   const std::string texts[] = {"0-3,7"};
//   const ExpertSets kept = parse_expert_sets(checkpoint->config(), texts);
//   convert(*keep_experts(checkpoint, kept), "small.lathe", {});
//
// What belongs to an expert goes with it: its matrices and their biases, its row of the router,
// its elements of the router's biases. Weights are computed as they are read, as those of
// merge_lora() are; nothing is copied but rows. Which experts a text needs is measured by
// lathe/expert_use.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/export.h"

namespace lathe {

// Numbers of experts by layer, ascending, each once.
using ExpertSets = std::vector<std::vector<std::int64_t>>;

// A text is "0-3,7", of every layer that has experts, or "4,8-11:0-3,7", of these layers; of those
// that name a layer the last counts. Layers that none names have no experts in the result. Throws
// kUsage for what is no such text, and for layers and experts that the model has not.
LATHE_API ExpertSets parse_expert_sets(const ModelConfig& config,
                                       std::span<const std::string> texts);
// In the same form, with spaces between texts.
LATHE_API std::string expert_sets_text(const ModelConfig& config, const ExpertSets& sets);

// All of each layer.
LATHE_API ExpertSets all_experts(const ModelConfig& config);

// The model with these experts of each layer, renumbered in their order; of all, the model itself.
// Throws kUsage where they are fewer than a token goes through, or not as many in each layer that
// has experts: model files have one number for all.
LATHE_API std::shared_ptr<const Checkpoint> keep_experts(std::shared_ptr<const Checkpoint> base,
                                                         const ExpertSets& kept);

// The base with these experts as `from` has them; from the same file, the base itself. Both stay
// open as long as the result. Throws kInvalid where their experts differ in number or shape.
LATHE_API std::shared_ptr<const Checkpoint> replace_experts(std::shared_ptr<const Checkpoint> base,
                                                            std::shared_ptr<const Checkpoint> from,
                                                            const ExpertSets& replaced);

}  // namespace lathe
