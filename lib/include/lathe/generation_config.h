// How a model's publisher wants its answers drawn: generation_config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/export.h"
#include "lathe/sampler.h"

namespace lathe {

// What the file says; nothing for what it does not say. top_k 0 is off.
struct GenerationConfig {
  std::optional<bool> do_sample;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
  // Keys that change an answer, are set so that they would, and are not done here ("num_beams").
  std::vector<std::string> not_done;

  // Whether it says anything that changes an answer.
  bool empty() const noexcept {
    return !temperature && !top_p && !min_p && !repetition_penalty && !top_k;
  }
};

// Of a checkpoint in any format: conversions carry it along. Empty where there is none. Throws
// kInvalid, naming the key, for a value of another type or out of its range. Thread-safe.
LATHE_API GenerationConfig generation_config(const Checkpoint& checkpoint);

// The sampling that it asks for: as it says, at temperature 1 where it names none, and greedy where
// it does not draw (do_sample false). The penalty counts for all tokens, the prompt's too.
LATHE_API SamplingOptions sampling_of(const GenerationConfig& config, const SamplingOptions& base);

}  // namespace lathe
