// Rotary position embedding: the angles by which queries and keys are turned.
//
// Pair i of a head (i < dims / 2, of the dims that turn) turns by position · frequency[i].
// RopeConfig says how the frequencies come about; each rule follows Hugging Face transformers'
// float32 arithmetic step by step, because models were trained with that rounding:
//   none     f_i = 1 / theta^(2i / dims)
//   linear   f_i / factor
//   llama3   long wavelengths divided by factor, short ones kept, a ramp between (Llama 3.1)
//   yarn     the same idea with the ramp over the dimension i, and cosines and sines scaled
//            by the attention factor (Peng et al. 2023)
//   longrope a divisor per pair, from one of two lists, and a factor as yarn's (Ding et al. 2024)
// and then frequency_factors divide, where a file has them. Sines and cosines come from
// portable_math.h: the same bits on every machine.
//
// Immutable after construction, so thread-safe. No errors: validate(ModelConfig) comes before.
#pragma once

#include <cstdint>
#include <vector>

#include "lathe/model_config.h"

namespace lathe {

class Rope {
 public:
  Rope(const RopeConfig& config, std::int64_t dims);

  std::int64_t half() const noexcept { return static_cast<std::int64_t>(frequencies_.size()); }
  const std::vector<float>& frequencies() const noexcept { return frequencies_; }
  float attention_factor() const noexcept { return attention_factor_; }

  // cosines and sines: half() values each.
  void angles(std::int64_t position, float* cosines, float* sines) const noexcept;

 private:
  std::vector<float> frequencies_;
  float attention_factor_ = 1.0F;
};

}  // namespace lathe
