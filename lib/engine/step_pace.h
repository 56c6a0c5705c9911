// How long steps take here, and how much of a prompt may ride along with those that decode.
//
// A step is some rows of decoding sequences, one each, and some of prompts:
//
//   seconds ≈ alone(decoding) + prompt rows · per_prompt_row
//
// Both are running means of what was measured, so they follow the model, the machine, the depth
// of the context and whatever else runs. Belongs to one thread.
#pragma once

#include <cstdint>

namespace lathe {

// Of prompts, in one step; more at once are computed no faster.
inline constexpr std::int64_t kMaxPromptRows = 256;

class StepPace {
 public:
  // A step with that many rows of each kind has taken so long.
  void note(std::int64_t decoding, std::int64_t prompt_rows, double seconds) noexcept;

  // Prompt rows beside `decoding` sequences with which a step takes about twice as long as
  // without them, or `least` seconds where that is longer. Never less than a few, so that a prompt
  // gets on.
  std::int64_t prompt_room(std::int64_t decoding, double least = 0.0) const noexcept;

  // The same by count alone: for steps that must not depend on the clock.
  static std::int64_t usual_room(std::int64_t decoding) noexcept;

  // Of a prompt; 0: not known yet.
  double seconds_per_prompt_row() const noexcept { return per_prompt_row_; }

 private:
  double alone(std::int64_t decoding) const noexcept;

  double alone_ = 0.0;  // seconds of a step without prompts, of
  std::int64_t alone_decoding_ = 0;
  double per_prompt_row_ = 0.0;
};

}  // namespace lathe
