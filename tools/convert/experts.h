// Options of convert that edit mixtures of experts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/expert_use.h"
#include "lathe/experts.h"

#include "common/tool.h"

namespace lathe::tool {

struct ExpertOptions {
  std::vector<std::string> keep;  // lists
  std::string text;               // --by-use
  std::int64_t count = 0;         // --keep
  std::string from;               // --replace-experts
  std::vector<std::string> replace;

  bool any() const noexcept {
    return !keep.empty() || !text.empty() || count > 0 || !from.empty() || !replace.empty();
  }
};

void add_expert_options(Tool& tool, ExpertOptions& options);
// Throws kUsage for options that do not go together.
void check_expert_options(const ExpertOptions& options);

// What was done to a model's experts.
struct ExpertEdit {
  std::int64_t before = 0;  // experts of a layer
  std::int64_t after = 0;
  std::optional<ExpertSets> kept;
  std::optional<ExpertSets> replaced;
  std::optional<ExpertLoss> loss;  // on --by-use
};

// The model as the options have it, for edits also what to say of it.
std::shared_ptr<const Checkpoint> edit_experts(const Tool& tool,
                                               std::shared_ptr<const Checkpoint> checkpoint,
                                               const ExpertOptions& options,
                                               std::optional<ExpertEdit>& edit);

// For people, a line or two.
std::string expert_edit_text(const ExpertEdit& edit);

}  // namespace lathe::tool
