// Llama 3.1's rotary scaling as explicit factors, and back.
//
// The rule (factor, low_freq_factor, high_freq_factor, original length) divides each of the
// d/2 frequencies by a number of its own. GGUF holds these numbers ready-made in the tensor
// rope_freqs.weight; config.json holds the rule.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/model_config.h"

namespace lathe {

// The divisors for `rope`, whose scaling is kLlama3, computed in double and rounded once.
std::vector<float> llama3_factors(const RopeConfig& rope, std::int64_t head_dim);

// The parameters of a Llama 3 rule that gives these divisors (each within a few units in the last
// place of a float), tried over the lengths and frequency factors that models use; nothing when
// none fits. `rope` supplies theta and, when not 0, the original length to try first.
std::optional<RopeConfig> recognise_llama3(const RopeConfig& rope, std::span<const float> factors);

// LongRoPE's usual scale of attention: √(1 + ln(factor) / ln(original length)), for factors over 1.
double longrope_attention_factor(const RopeConfig& rope);

}  // namespace lathe
