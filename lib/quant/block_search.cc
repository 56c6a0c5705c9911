#include "quant/block_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/search_kernels.h"
#include "kernels/select.h"
#include "quant/e2m1.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

constexpr std::int64_t kRows = kBlockRows;
// Least squares for the halves; a third changes next to nothing.
constexpr int kRounds = 2;

// find_scales() shares the range of eight bits out to both sides, 127.5 steps each.
constexpr std::int32_t kFinest = 255;
constexpr float kFinestReach = 127.5f / 128.0f;

std::size_t at(std::int64_t group, std::int64_t row) {
  return static_cast<std::size_t>(group * kRows + row);
}

float rounded_to_half(float x) { return f16_to_f32(f32_to_f16(x)); }

// How often `part` goes into `whole`, within the steps that there are.
std::int8_t steps_of(float whole, float part, BlockForm::Steps range) {
  const float steps = part == 0.0f ? 0.0f : std::nearbyint(whole / part);
  const auto least = static_cast<float>(range.least);
  const auto most = static_cast<float>(range.most);
  // So written that a number that is none becomes the least.
  return static_cast<std::int8_t>(steps > least ? std::min(steps, most) : least);
}

void copy_row(const CodeSums& from, std::int64_t r, CodeSums& to) {
  to.error[r] = from.error[r];
  to.h[r] = from.h[r];
  to.hx[r] = from.hx[r];
  to.ht[r] = from.ht[r];
  to.htt[r] = from.htt[r];
  to.hxt[r] = from.hxt[r];
}

}  // namespace

// Halves and steps that are looked at, and what they lose.
struct BlockSearch::Trial {
  explicit Trial(std::int64_t groups)
      : scale_steps(static_cast<std::size_t>(groups * kRows)),
        minimum_steps(static_cast<std::size_t>(groups * kRows)),
        sums(static_cast<std::size_t>(groups)) {}

  float scale[kRows] = {};
  float minimum[kRows] = {};  // of what is taken away
  std::vector<std::int8_t> scale_steps;
  std::vector<std::int8_t> minimum_steps;
  std::vector<CodeSums> sums;  // of the groups, with those steps
  double error[kRows] = {};
};

BlockSearch::BlockSearch(const BlockForm& form) : form_(form) {
  const auto size = static_cast<std::size_t>(form.groups() * kRows);
  wished_scales_.resize(size);
  wished_minimums_.resize(size);
}

void BlockSearch::find(const float* values, const float* importance, BlockFactors& out) {
  const auto size = static_cast<std::size_t>(form_.groups() * kRows);
  out.scales.resize(size);
  out.offsets.assign(size, 0.0f);
  if (form_.kind == BlockForm::Kind::kE2M1) return find_exponents(values, importance, out);
  if (form_.kind == BlockForm::Kind::kGrid) weigh_values(values, importance);
  if (form_.groups() == 1) return find_halves(values, importance, out);
  find_wishes(values, importance);
  Trial trial(form_.groups());
  first_halves(trial);
  try_halves(values, importance, trial);
  Trial best = trial;
  for (int round = 0; round < kRounds; ++round) {
    solve_halves(best, trial);
    try_halves(values, importance, trial);
    keep_better(trial, best);
  }
  store(best, out);
}

// The larger values count for somewhat more, by the root of their squares beside twice the mean
// one.
void BlockSearch::weigh_values(const float* values, const float* importance) {
  weights_.resize(static_cast<std::size_t>(form_.block * kRows));
  for (std::int64_t r = 0; r < kRows; ++r) {
    float squares = 0.0f;
    for (std::int64_t k = 0; k < form_.block; ++k) squares += values[at(k, r)] * values[at(k, r)];
    const float twice_mean = 2.0f * squares / static_cast<float>(form_.block);
    const float unit = twice_mean > 0.0f ? 1.0f / std::sqrt(twice_mean) : 0.0f;
    for (std::int64_t k = 0; k < form_.block; ++k) {
      const float x = values[at(k, r)] * unit;
      weights_[at(k, r)] = importance[k] * std::sqrt(1.0f + x * x);
    }
  }
}

// One group: the half is its scale.
void BlockSearch::find_halves(const float* values, const float* importance,
                              BlockFactors& out) const {
  const SearchKernels& table = kernels().search;
  float minimums[kRows] = {};
  if (form_.kind == BlockForm::Kind::kLine) {
    table.find_lines(values, importance, form_.group, form_.top_code, out.scales.data(), minimums);
  } else if (form_.kind == BlockForm::Kind::kGrid) {
    grid_.find(values, weights_.data(), form_.group, out.scales.data());
  } else {
    table.find_scales(values, importance, form_.group, form_.top_code, out.scales.data());
  }
  if (form_.top_code == kFinest) {
    // Half a step less each, so that the largest weight is a code.
    for (float& scale : out.scales) scale *= kFinestReach;
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    out.scale[r] = f32_to_f16(out.scales[r]);
    out.scales[r] = f16_to_f32(out.scale[r]);
    out.minimum[r] = f32_to_f16(minimums[r]);
    out.offsets[r] = form_.kind == BlockForm::Kind::kLine
                         ? f16_to_f32(out.minimum[r])
                         : -out.scales[r] * static_cast<float>(form_.zero_code());
  }
}

// Powers of two about that by which the largest value is the largest number.
void BlockSearch::find_exponents(const float* values, const float* importance,
                                 BlockFactors& out) const {
  constexpr int kBias = 127;
  constexpr int kLargest = 251;  // the largest number times more is none
  float largest[kRows] = {};
  for (std::int64_t k = 0; k < form_.group; ++k) {
    for (std::int64_t r = 0; r < kRows; ++r) {
      largest[r] = std::max(largest[r], std::fabs(values[k * kRows + r]));
    }
  }
  int exponents[kRows] = {};
  for (std::size_t r = 0; r < kRows; ++r) std::frexp(largest[r] / kLargestE2M1, &exponents[r]);
  double least[kRows];
  std::fill(std::begin(least), std::end(least), std::numeric_limits<double>::infinity());
  for (int step = -2; step <= 1; ++step) {
    int biased[kRows] = {};
    float scales[kRows];
    for (std::size_t r = 0; r < kRows; ++r) {
      biased[r] = largest[r] == 0.0f ? 0 : std::clamp(exponents[r] + step + kBias, 0, kLargest);
      scales[r] = std::ldexp(1.0f, biased[r] - kBias);
    }
    double error[kRows] = {};
    for (std::int64_t k = 0; k < form_.group; ++k) {
      for (std::int64_t r = 0; r < kRows; ++r) {
        const float x = values[k * kRows + r];
        const double lost =
            static_cast<double>(x) -
            static_cast<double>(scales[r]) * static_cast<double>(nearest_e2m1(x / scales[r]));
        error[r] += static_cast<double>(importance[k]) * lost * lost;
      }
    }
    for (std::size_t r = 0; r < kRows; ++r) {
      if (error[r] >= least[r]) continue;
      least[r] = error[r];
      out.scale[r] = static_cast<std::uint16_t>(biased[r]);
      out.scales[r] = scales[r];
    }
  }
}

// What each group would like best.
void BlockSearch::find_wishes(const float* values, const float* importance) {
  const SearchKernels& table = kernels().search;
  const std::int64_t n = form_.group;
  for (std::int64_t g = 0; g < form_.groups(); ++g) {
    const float* x = values + g * n * kRows;
    float* scales = wished_scales_.data() + g * kRows;
    if (form_.kind == BlockForm::Kind::kLine) {
      table.find_lines(x, importance + g * n, n, form_.top_code, scales,
                       wished_minimums_.data() + g * kRows);
    } else if (form_.kind == BlockForm::Kind::kGrid) {
      grid_.find(x, weights_.data() + g * n * kRows, n, scales);
    } else {
      table.find_scales(x, importance + g * n, n, form_.top_code, scales);
    }
  }
  if (form_.kind == BlockForm::Kind::kLine) avoid_positive_minimums(values, importance);
}

// Blocks take minimums away, so one above 0 becomes 0, with a scale that reaches as far.
void BlockSearch::avoid_positive_minimums(const float* values, const float* importance) {
  const std::int64_t n = form_.group;
  for (std::int64_t g = 0; g < form_.groups(); ++g) {
    float* scales = wished_scales_.data() + g * kRows;
    float* minimums = wished_minimums_.data() + g * kRows;
    bool changed[kRows] = {};
    for (std::int64_t r = 0; r < kRows; ++r) {
      changed[r] = minimums[r] > 0.0f;
      if (!changed[r]) continue;
      scales[r] += minimums[r] / static_cast<float>(form_.top_code);
      minimums[r] = 0.0f;
    }
    if (std::none_of(std::begin(changed), std::end(changed), [](bool c) { return c; })) continue;
    CodeSums sums;
    kernels().search.weigh_codes(values + g * n * kRows, importance + g * n, n, form_.top_code, 0,
                                 scales, minimums, &sums);
    for (std::int64_t r = 0; r < kRows; ++r) {
      if (changed[r] && sums.htt[r] > 0.0f) scales[r] = sums.hxt[r] / sums.htt[r];
    }
  }
}

// So that the largest scale of a block is its largest number of steps.
void BlockSearch::first_halves(Trial& trial) const {
  for (std::int64_t r = 0; r < kRows; ++r) {
    float scale = 0.0f;
    float minimum = 0.0f;
    for (std::int64_t g = 0; g < form_.groups(); ++g) {
      const float wished = wished_scales_[at(g, r)];
      if (std::fabs(wished) > std::fabs(scale)) scale = wished;
      minimum = std::max(minimum, -wished_minimums_[at(g, r)]);
    }
    // Numbers with a sign reach one further down.
    const int reach = form_.scales.least < 0 ? form_.scales.least : form_.scales.most;
    trial.scale[r] = rounded_to_half(scale / static_cast<float>(reach));
    if (form_.minimums.most == 0) continue;
    trial.minimum[r] = rounded_to_half(minimum / static_cast<float>(form_.minimums.most));
  }
}

void BlockSearch::try_halves(const float* values, const float* importance, Trial& trial) const {
  for (std::int64_t r = 0; r < kRows; ++r) trial.error[r] = 0.0;
  for (std::int64_t g = 0; g < form_.groups(); ++g) {
    choose_steps(values + g * form_.group * kRows, importance + g * form_.group, g, trial);
    const CodeSums& sums = trial.sums[static_cast<std::size_t>(g)];
    for (std::int64_t r = 0; r < kRows; ++r) trial.error[r] += static_cast<double>(sums.error[r]);
  }
}

// Of the steps next to what the group would like best, those with which it loses least.
void BlockSearch::choose_steps(const float* values, const float* importance, std::int64_t g,
                               Trial& trial) const {
  const SearchKernels& table = kernels().search;
  const bool lines = form_.kind == BlockForm::Kind::kLine;
  std::int8_t* scale_steps = trial.scale_steps.data() + g * kRows;
  std::int8_t* minimum_steps = trial.minimum_steps.data() + g * kRows;
  CodeSums& best = trial.sums[static_cast<std::size_t>(g)];
  std::fill(std::begin(best.error), std::end(best.error), std::numeric_limits<float>::infinity());
  std::int8_t middle[2][kRows] = {};
  for (std::int64_t r = 0; r < kRows; ++r) {
    middle[0][r] = steps_of(wished_scales_[at(g, r)], trial.scale[r], form_.scales);
    if (lines)
      middle[1][r] = steps_of(-wished_minimums_[at(g, r)], trial.minimum[r], form_.minimums);
  }
  const int more = lines ? 1 : 0;
  for (int i = -1; i <= 1; ++i) {
    for (int j = -more; j <= more; ++j) {
      int steps[2][kRows] = {};
      float scales[kRows];
      float minimums[kRows] = {};
      for (std::int64_t r = 0; r < kRows; ++r) {
        steps[0][r] = std::clamp(middle[0][r] + i, form_.scales.least, form_.scales.most);
        steps[1][r] = std::clamp(middle[1][r] + j, form_.minimums.least, form_.minimums.most);
        scales[r] = trial.scale[r] * static_cast<float>(steps[0][r]);
        if (lines) minimums[r] = -trial.minimum[r] * static_cast<float>(steps[1][r]);
      }
      CodeSums sums;
      if (form_.kind == BlockForm::Kind::kGrid) {
        grid_.weigh(values, weights_.data() + g * form_.group * kRows, form_.group, scales, sums);
      } else {
        table.weigh_codes(values, importance, form_.group, form_.top_code, form_.zero_code(),
                          scales, minimums, &sums);
      }
      for (std::int64_t r = 0; r < kRows; ++r) {
        if (!(sums.error[r] < best.error[r])) continue;
        scale_steps[r] = static_cast<std::int8_t>(steps[0][r]);
        minimum_steps[r] = static_cast<std::int8_t>(steps[1][r]);
        copy_row(sums, r, best);
      }
    }
  }
}

// With the codes and steps as they are, x ≈ d·(steps·code) - m·(steps): least squares.
void BlockSearch::solve_halves(const Trial& from, Trial& next) const {
  for (std::int64_t r = 0; r < kRows; ++r) {
    double aa = 0.0, ab = 0.0, bb = 0.0, ax = 0.0, bx = 0.0;
    for (std::int64_t g = 0; g < form_.groups(); ++g) {
      const CodeSums& sums = from.sums[static_cast<std::size_t>(g)];
      const double a = from.scale_steps[at(g, r)];
      const double b = -from.minimum_steps[at(g, r)];
      aa += a * a * static_cast<double>(sums.htt[r]);
      ab += a * b * static_cast<double>(sums.ht[r]);
      bb += b * b * static_cast<double>(sums.h[r]);
      ax += a * static_cast<double>(sums.hxt[r]);
      bx += b * static_cast<double>(sums.hx[r]);
    }
    next.scale[r] = from.scale[r];
    next.minimum[r] = from.minimum[r];
    const double spread = aa * bb - ab * ab;
    if (spread > 1e-9 * aa * bb) {
      next.scale[r] = rounded_to_half(static_cast<float>((ax * bb - bx * ab) / spread));
      next.minimum[r] =
          rounded_to_half(std::max(0.0f, static_cast<float>((bx * aa - ax * ab) / spread)));
    } else if (aa > 0.0) {
      next.scale[r] = rounded_to_half(
          static_cast<float>((ax - ab * static_cast<double>(from.minimum[r])) / aa));
    }
  }
}

void BlockSearch::keep_better(const Trial& trial, Trial& best) const {
  for (std::int64_t r = 0; r < kRows; ++r) {
    if (!(trial.error[r] < best.error[r])) continue;
    best.error[r] = trial.error[r];
    best.scale[r] = trial.scale[r];
    best.minimum[r] = trial.minimum[r];
    for (std::int64_t g = 0; g < form_.groups(); ++g) {
      best.scale_steps[at(g, r)] = trial.scale_steps[at(g, r)];
      best.minimum_steps[at(g, r)] = trial.minimum_steps[at(g, r)];
      copy_row(trial.sums[static_cast<std::size_t>(g)], r, best.sums[static_cast<std::size_t>(g)]);
    }
  }
}

void BlockSearch::store(const Trial& best, BlockFactors& out) const {
  out.scale_steps = best.scale_steps;
  out.minimum_steps = best.minimum_steps;
  for (std::int64_t r = 0; r < kRows; ++r) {
    out.scale[r] = f32_to_f16(best.scale[r]);
    out.minimum[r] = f32_to_f16(best.minimum[r]);
    for (std::int64_t g = 0; g < form_.groups(); ++g) {
      const float scale = best.scale[r] * static_cast<float>(best.scale_steps[at(g, r)]);
      out.scales[at(g, r)] = scale;
      out.offsets[at(g, r)] =
          form_.kind == BlockForm::Kind::kLine
              ? -best.minimum[r] * static_cast<float>(best.minimum_steps[at(g, r)])
              : -scale * static_cast<float>(form_.zero_code());
    }
  }
}

}  // namespace lathe
