// adapter_config.json: what PEFT writes beside a LoRA's matrices.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/regex.h"

namespace lathe {

struct LoraConfig {
  std::int64_t rank = 0;
  double alpha = 0.0;
  bool rank_stabilised = false;
  // target_modules as a list; empty where it is a regular expression or "all-linear", which
  // only say what a trainer is to adapt: the tensors tell what was adapted.
  std::vector<std::string> targets;
  // Exceptions, by expressions for the end of a module's name.
  std::vector<std::pair<Regex, std::int64_t>> ranks;
  std::vector<std::pair<Regex, double>> alphas;

  std::int64_t rank_of(std::string_view module) const;
  double scale_of(std::string_view module) const;
};

// Throws kInvalid for a malformed file, kUnsupported for whatever would make the adapter mean
// more than its pairs of matrices. `file` is for messages.
LoraConfig parse_lora_config(std::string_view text, const std::string& file);

}  // namespace lathe
