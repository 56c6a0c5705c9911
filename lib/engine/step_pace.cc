#include "engine/step_pace.h"

#include <algorithm>

#include "base/running_mean.h"

namespace lathe {
namespace {

// A step with prompts takes so many times as long as one without. Those who wait should not see
// one of three times: steps scatter, and grow with the context.
constexpr double kStretch = 2.0;
// Rows are computed in blocks; part of one would be paid like the whole.
constexpr std::int64_t kBlock = 4;
// A prompt gets on by so many, whatever that costs those who wait.
constexpr std::int64_t kMinRows = 8;
// Prompts alone are computed in pieces of many rows, where the weights' way to the processor does
// not count. In smaller ones it belongs to a step without prompts.
constexpr std::int64_t kManyRows = 32;

// Whole blocks in all, as near as can be.
std::int64_t whole_blocks(std::int64_t decoding, std::int64_t rows) noexcept {
  const std::int64_t whole = (decoding + rows + kBlock / 2) / kBlock * kBlock - decoding;
  return std::max(whole, kMinRows);
}

}  // namespace

void StepPace::note(std::int64_t decoding, std::int64_t prompt_rows, double seconds) noexcept {
  if (prompt_rows == 0) {
    if (decoding != alone_decoding_) alone_ = alone(decoding);
    alone_decoding_ = decoding;
    follow(alone_, seconds);
  } else if (decoding == 0 || alone_ == 0.0) {
    const std::int64_t rows = decoding + prompt_rows;
    if (rows >= kManyRows) follow(per_prompt_row_, seconds / static_cast<double>(rows));
  } else {
    const double beside = std::max(seconds - alone(decoding), 0.1 * seconds);
    follow(per_prompt_row_, beside / static_cast<double>(prompt_rows));
  }
}

double StepPace::alone(std::int64_t decoding) const noexcept {
  // A row more or less of a sequence costs what a row of a prompt does.
  const double change = static_cast<double>(decoding - alone_decoding_) * per_prompt_row_;
  return alone_ == 0.0 ? 0.0 : std::max(alone_ + change, 0.25 * alone_);
}

std::int64_t StepPace::prompt_room(std::int64_t decoding, double least) const noexcept {
  if (alone_ == 0.0 || per_prompt_row_ == 0.0) return usual_room(decoding);
  const double without = alone(decoding);
  const double rows = std::max((kStretch - 1.0) * without, least - without) / per_prompt_row_;
  constexpr auto kMost = static_cast<double>(kMaxPromptRows);
  return whole_blocks(decoding, static_cast<std::int64_t>(std::min(rows, kMost)));
}

std::int64_t StepPace::usual_room(std::int64_t decoding) noexcept {
  // Where arithmetic is what costs, three times the rows take three times as long.
  return whole_blocks(decoding, std::min(2 * decoding, kMaxPromptRows));
}

}  // namespace lathe
