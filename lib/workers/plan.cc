#include "lathe/workers/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/fail.h"

namespace lathe {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int kHalvings = 60;  // of an interval that is searched

// Times of steps by the answers in them: straight lines between what was measured. A larger step
// that was measured to be quicker was noise: it takes as long as a smaller one.
class Steps {
 public:
  explicit Steps(const std::vector<DecodeRate>& rates) {
    double longest = 0.0;
    for (const DecodeRate& one : rates) {
      longest = std::max(longest, one.batch / one.tokens_per_second);
      batch_.push_back(one.batch);
      seconds_.push_back(longest);
    }
  }

  double most() const { return batch_.back(); }
  double seconds(double batch) const {
    if (batch <= batch_.front()) return seconds_.front();
    const auto after = std::upper_bound(batch_.begin(), batch_.end(), batch);
    if (after == batch_.end()) return seconds_.back();
    const auto i = static_cast<std::size_t>(after - batch_.begin());
    const double part = (batch - batch_[i - 1]) / (batch_[i] - batch_[i - 1]);
    return seconds_[i - 1] + part * (seconds_[i] - seconds_[i - 1]);
  }
  // Tokens a second with up to so many answers.
  double rate(double batch) const {
    double best = batch / seconds(batch);
    for (std::size_t i = 0; i < batch_.size() && batch_[i] < batch; ++i) {
      best = std::max(best, batch_[i] / seconds_[i]);
    }
    return best;
  }
  // The least number of answers that gives so many tokens a second; nothing gives more than most().
  double batch_for(double tokens_per_second) const {
    double low = 0.0, high = most();
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = 0.5 * (low + high);
      (rate(middle) < tokens_per_second ? low : high) = middle;
    }
    return high;
  }

 private:
  std::vector<double> batch_, seconds_;
};

// The probability that somebody has to wait: Erlang's C, by the recursion of his B.
double erlang_c(std::int64_t servers, double load) {
  double b = 1.0;
  for (std::int64_t i = 1; i <= servers; ++i) {
    b = load * b / (static_cast<double>(i) + load * b);
  }
  const double busy = load / static_cast<double>(servers);
  return b / (1.0 - busy * (1.0 - b));
}

double mean_wait(std::int64_t servers, double rate, double seconds, double variation) {
  const double load = rate * seconds;
  const auto n = static_cast<double>(servers);
  if (load >= n) return kNever;
  return erlang_c(servers, load) * seconds / (n - load) * (1.0 + variation) / 2.0;
}

class Planner {
 public:
  Planner(const WorkerRates& rates, const RequestLengths& lengths, const LoadObjective& objective)
      : steps_(rates.decode),
        answer_(lengths.answer),
        objective_(objective),
        prompt_(lengths.prompt / rates.prefill),
        transfer_(rates.transfer > 0.0 ? lengths.prompt * rates.bytes_per_token / rates.transfer
                                       : 0.0),
        variation_(lengths.prompt_square / (lengths.prompt * lengths.prompt) - 1.0) {}

  // The highest rate, and what bounds it.
  void bound(WorkerSplit& split) const {
    const double prefill = static_cast<double>(split.prefill) / prompt_;
    const double decode = static_cast<double>(split.decode) * steps_.rate(steps_.most()) / answer_;
    const double transfer = transfer_ > 0.0 ? 1.0 / transfer_ : kNever;
    if (split.both > 0) {
      const double each = prompt_ + answer_ / steps_.rate(steps_.most());
      split.highest_rate = static_cast<double>(split.both) / each;
      split.bound = PlanBound::kBoth;
    } else {
      split.highest_rate = std::min({prefill, decode, transfer});
      split.bound = split.highest_rate == prefill  ? PlanBound::kPrefill
                    : split.highest_rate == decode ? PlanBound::kDecode
                                                   : PlanBound::kTransfer;
    }
    if (objective_.any()) keep_objective(split);
  }

  // What prompts and answers would hold, whatever the way between them.
  double capacity(const WorkerSplit& split) const {
    return std::min(static_cast<double>(split.prefill) / prompt_,
                    static_cast<double>(split.decode) * steps_.rate(steps_.most()) / answer_);
  }

  // What is to be expected at a rate.
  void expect(WorkerSplit& split, double rate) const {
    split.both > 0 ? expect_together(split, rate) : expect_apart(split, rate);
  }

 private:
  bool holds(WorkerSplit& split, double rate) const {
    expect(split, rate);
    return (objective_.first_token <= 0.0 || split.first_token <= objective_.first_token) &&
           (objective_.per_token <= 0.0 || split.per_token <= objective_.per_token);
  }

  void keep_objective(WorkerSplit& split) const {
    double low = 0.0, high = split.highest_rate;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = 0.5 * (low + high);
      (holds(split, middle) ? low : high) = middle;
    }
    // Where the queues set in before the objective is missed, they are the bound.
    if (high < split.highest_rate * (1.0 - 1e-9)) {
      split.bound = PlanBound::kObjective;
      split.highest_rate = low < split.highest_rate * 1e-9 ? 0.0 : low;
    }
  }

  void fill_missed(WorkerSplit& split) const {
    split.first_token = split.per_token = kNever;
    split.batch = steps_.most();
  }

  void expect_apart(WorkerSplit& split, double rate) const {
    const auto n_d = static_cast<double>(split.decode);
    const double tokens = rate * answer_ / n_d;  // a second, of one worker
    split.prefill_busy = rate * prompt_ / static_cast<double>(split.prefill);
    split.decode_busy = tokens / steps_.rate(steps_.most());
    if (split.prefill_busy >= 1.0 || split.decode_busy >= 1.0 || rate * transfer_ >= 1.0) {
      return fill_missed(split);
    }
    split.batch = steps_.batch_for(tokens);
    split.per_token = steps_.seconds(split.batch);
    split.first_token =
        mean_wait(split.prefill, rate, prompt_, variation_) + prompt_ + transfer_ + split.per_token;
  }

  void expect_together(WorkerSplit& split, double rate) const {
    const auto n = static_cast<double>(split.both);
    const double tokens = rate * answer_ / n;
    split.prefill_busy = rate * prompt_ / n;
    split.decode_busy = tokens / steps_.rate(steps_.most());
    if (split.prefill_busy + split.decode_busy >= 1.0) return fill_missed(split);
    const double left = 1.0 - split.prefill_busy;  // of its time for steps of answers
    split.batch = steps_.batch_for(tokens / left);
    split.per_token = steps_.seconds(split.batch) / left;
    // An answer is under way so much of the time; half of each step is then its.
    const double beside = std::min(1.0, tokens * steps_.seconds(1.0));
    const double prompt = prompt_ * (1.0 + beside * left);
    split.first_token = mean_wait(split.both, rate, prompt, variation_) + prompt + split.per_token;
  }

  const Steps steps_;
  const double answer_;
  const LoadObjective objective_;
  const double prompt_, transfer_;  // seconds of a request
  const double variation_;
};

bool positive(double value) { return value > 0.0 && std::isfinite(value); }

void check(const WorkerRates& rates, const RequestLengths& lengths, std::int64_t workers) {
  if (workers < 2)
    fail(ErrorCode::kUsage, "a plan is for two workers or more, not for {}", workers);
  if (!positive(lengths.prompt) || !positive(lengths.answer)) {
    fail(ErrorCode::kUsage, "a plan is for prompts and answers of one token and more");
  }
  if (!positive(rates.prefill)) {
    fail(ErrorCode::kUsage, "the rate of prompts, {} tokens a second, is none", rates.prefill);
  }
  if (rates.decode.empty()) fail(ErrorCode::kUsage, "there is no rate of answers");
  double before = 0.0;
  for (const DecodeRate& one : rates.decode) {
    if (!positive(one.tokens_per_second) || !(one.batch >= 1.0) || !(one.batch > before)) {
      fail(ErrorCode::kUsage,
           "rates of answers are above 0, for batches of 1 and more that grow: {:g} for {:g} is "
           "none",
           one.tokens_per_second, one.batch);
    }
    before = one.batch;
  }
}

}  // namespace

RequestLengths lengths_of(const std::vector<LoadRequest>& requests) {
  RequestLengths out;
  const auto count = static_cast<double>(std::max<std::size_t>(1, requests.size()));
  for (const LoadRequest& one : requests) {
    const auto prompt = static_cast<double>(one.prompt_tokens);
    out.prompt += prompt / count;
    out.prompt_square += prompt * prompt / count;
    out.answer += static_cast<double>(one.answer_tokens) / count;
  }
  return out;
}

const char* to_string(PlanBound bound) {
  switch (bound) {
    case PlanBound::kPrefill:
      return "prompts";
    case PlanBound::kDecode:
      return "answers";
    case PlanBound::kTransfer:
      return "transfer";
    case PlanBound::kBoth:
      return "both";
    case PlanBound::kObjective:
      return "objective";
  }
  return "";
}

WorkerPlan plan_workers(const WorkerRates& rates, const RequestLengths& lengths,
                        std::int64_t workers, const LoadObjective& objective, double rate) {
  check(rates, lengths, workers);
  const Planner planner(rates, lengths, objective);
  WorkerPlan out;
  for (std::int64_t prefill = 1; prefill < workers; ++prefill) {
    out.splits.push_back({.prefill = prefill, .decode = workers - prefill});
  }
  out.splits.push_back({.both = workers});
  for (WorkerSplit& split : out.splits) planner.bound(split);
  for (std::size_t i = 1; i + 1 < out.splits.size(); ++i) {
    const WorkerSplit &one = out.splits[i], &best = out.splits[out.best];
    if (one.highest_rate < best.highest_rate) continue;
    if (one.highest_rate > best.highest_rate || planner.capacity(one) > planner.capacity(best)) {
      out.best = i;
    }
  }
  constexpr double kShare = 0.8;
  out.rate = rate > 0.0 ? rate : kShare * out.splits[out.best].highest_rate;
  for (WorkerSplit& split : out.splits) planner.expect(split, out.rate);
  return out;
}

std::int64_t workers_for_prompts(double prompt_seconds, double answer_seconds,
                                 std::int64_t workers) {
  if (workers < 2 || !positive(prompt_seconds) || !positive(answer_seconds)) return 0;
  std::int64_t best = 1;
  double least = kNever;
  for (std::int64_t n = 1; n < workers; ++n) {
    const double slower = std::max(prompt_seconds / static_cast<double>(n),
                                   answer_seconds / static_cast<double>(workers - n));
    if (slower < least) {
      least = slower;
      best = n;
    }
  }
  return best;
}

}  // namespace lathe
