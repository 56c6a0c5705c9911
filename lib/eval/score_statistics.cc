#include "eval/score_statistics.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace lathe {
namespace {

struct Moments {
  double mean = 0.0;
  std::optional<double> error;  // standard error of the mean; one value has none
};

// Two passes: the variance of many nearly equal values must not cancel.
template <typename Value>
Moments moments(std::span<const TokenScore> scores, Value&& value) {
  const auto n = static_cast<double>(scores.size());
  Moments m;
  for (const TokenScore& s : scores) m.mean += value(s);
  m.mean /= n;
  if (scores.size() < 2) return m;
  double squares = 0.0;
  for (const TokenScore& s : scores) {
    const double d = value(s) - m.mean;
    squares += d * d;
  }
  m.error = std::sqrt(squares / n / (n - 1.0));
  return m;
}

// Linear interpolation between order statistics (Hyndman & Fan 1996, type 7).
double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double rest = at - static_cast<double>(below);
  return sorted[below] * (1.0 - rest) + sorted[above] * rest;
}

KlFigures kl_figures(std::span<const TokenScore> scores) {
  const Moments kl = moments(scores, [](const TokenScore& s) { return s.kl; });
  std::vector<double> sorted;
  sorted.reserve(scores.size());
  for (const TokenScore& s : scores) sorted.push_back(s.kl);
  std::sort(sorted.begin(), sorted.end());
  KlFigures f;
  f.mean = kl.mean;
  f.error = kl.error;
  f.min = sorted.front();
  f.median = percentile(sorted, 0.5);
  f.p90 = percentile(sorted, 0.9);
  f.p95 = percentile(sorted, 0.95);
  f.p99 = percentile(sorted, 0.99);
  f.p999 = percentile(sorted, 0.999);
  f.max = sorted.back();
  return f;
}

}  // namespace

PerplexityFigures perplexity_figures(std::span<const TokenScore> scores, bool of_base) {
  const Moments nll = moments(
      scores, [of_base](const TokenScore& s) { return of_base ? -s.base_logprob : -s.logprob; });
  const double perplexity = std::exp(nll.mean);
  PerplexityFigures figures{perplexity, {}, nll.mean};
  if (nll.error) figures.error = perplexity * *nll.error;
  return figures;
}

DivergenceFigures divergence_figures(std::span<const TokenScore> scores, Compared what) {
  DivergenceFigures f;
  f.base = perplexity_figures(scores, true);

  const Moments ratio =
      moments(scores, [](const TokenScore& s) { return s.base_logprob - s.logprob; });
  f.ln_ratio = ratio.mean;
  f.ln_ratio_error = ratio.error;

  if (what.kl) f.kl = kl_figures(scores);
  if (what.top) {
    const Moments same =
        moments(scores, [](const TokenScore& s) { return s.same_top ? 1.0 : 0.0; });
    f.same_top = same.mean;
    f.same_top_error = same.error;
  }

  const auto delta_p = [](const TokenScore& s) {
    return std::exp(s.logprob) - std::exp(s.base_logprob);
  };
  f.mean_delta_p = moments(scores, delta_p).mean;
  f.rms_delta_p =
      std::sqrt(moments(scores, [&](const TokenScore& s) { return delta_p(s) * delta_p(s); }).mean);
  return f;
}

}  // namespace lathe
