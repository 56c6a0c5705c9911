#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "lathe/model_config.h"
#include "lathe/perplexity.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "eval/log_softmax.h"
#include "eval/score_chunks.h"
#include "eval/score_statistics.h"

namespace lathe {
namespace {

// Words that are less likely are left together.
constexpr double kLeastLogP = -13.8;  // a millionth

struct Kept {
  std::vector<TokenId> words;
  std::vector<float> logps;
  double rest = 0.0;  // what the others' probabilities add up to
  TokenId top = -1;
};

Kept keep(std::span<const float> logits) {
  Kept out;
  const double lse = libm_log_sum_exp(logits);
  double sum = 0.0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double logp = logits[i] - lse;
    if (logp < kLeastLogP) continue;
    out.words.push_back(static_cast<TokenId>(i));
    out.logps.push_back(static_cast<float>(logp));
    sum += std::exp(static_cast<double>(out.logps.back()));
  }
  out.words.shrink_to_fit();
  out.logps.shrink_to_fit();
  out.rest = std::max(0.0, 1.0 - sum);
  out.top = static_cast<TokenId>(argmax(logits));
  return out;
}

double divergence(const Kept& base, std::span<const float> logits) {
  const double lse = libm_log_sum_exp(logits);
  double sum = 0.0, rest = 1.0;
  for (std::size_t i = 0; i < base.words.size(); ++i) {
    const double logp = base.logps[i];
    const double logq = logits[static_cast<std::size_t>(base.words[i])] - lse;
    sum += std::exp(logp) * (logp - logq);
    rest -= std::exp(logq);
  }
  if (base.rest > 0.0 && rest > 0.0) sum += base.rest * std::log(base.rest / rest);
  return std::max(sum, 0.0);
}

}  // namespace

struct KeptPredictions::State {
  PerplexityOptions options;
  std::int64_t tokens = 0;
  std::int64_t vocab = 0;
  std::vector<Chunk> chunks;
  std::vector<Kept> kept;          // of each scored position
  std::vector<TokenScore> scores;  // with what the base gives the tokens

  void run(Engine& engine, const ProgressCallback& progress, const OnLogits& on_logits,
           double TokenScore::*logprob, std::vector<TokenScore>& out) const {
    std::uint64_t done = 0;
    const auto tell = [&] {
      if (progress) progress(done, chunks.size(), "chunks");
    };
    tell();
    const auto rows = static_cast<std::size_t>(scored_tokens(options));
    const auto all = score_chunks(engine, chunks, static_cast<std::size_t>(given_tokens(options)),
                                  on_logits, [&] {
                                    ++done;
                                    tell();
                                  });
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].*logprob = all[i / rows].logprobs[i % rows];
    }
  }
};

KeptPredictions::KeptPredictions(Engine& base, std::span<const TokenId> tokens,
                                 std::optional<TokenId> bos, const PerplexityOptions& options,
                                 const ProgressCallback& progress)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = options;
  s.tokens = static_cast<std::int64_t>(tokens.size());
  s.vocab = base.model().config().vocab_size;
  check_scoring(base, s.tokens, options);
  for (const std::int64_t number : scored_chunks(s.tokens, options)) {
    s.chunks.push_back(chunk_of(tokens, bos, options, number));
  }
  const auto rows = static_cast<std::size_t>(scored_tokens(options));
  s.scores.resize(s.chunks.size() * rows);
  s.kept.resize(s.scores.size());
  s.run(
      base, progress,
      [&](std::size_t chunk, std::size_t row, std::span<const float> logits) {
        s.kept[chunk * rows + row] = keep(logits);
      },
      &TokenScore::base_logprob, s.scores);
}

KeptPredictions::~KeptPredictions() = default;
KeptPredictions::KeptPredictions(KeptPredictions&&) noexcept = default;
KeptPredictions& KeptPredictions::operator=(KeptPredictions&&) noexcept = default;

std::vector<std::vector<TokenId>> KeptPredictions::beginnings(std::int64_t count) const {
  if (count < 0 || count > given_tokens(state_->options)) {
    fail(ErrorCode::kBug, "{} tokens asked for of chunks that give {}", count,
         given_tokens(state_->options));
  }
  std::vector<std::vector<TokenId>> out;
  for (const Chunk& chunk : state_->chunks) {
    out.emplace_back(chunk.begin(), chunk.begin() + count);
  }
  return out;
}

PerplexityReport KeptPredictions::measure(Engine& engine, const ProgressCallback& progress) const {
  const auto started = std::chrono::steady_clock::now();
  const State& s = *state_;
  check_scoring(engine, s.tokens, s.options);
  check_vocabularies(engine.model().config().vocab_size, s.vocab);
  std::vector<TokenScore> scores = s.scores;
  const auto rows = static_cast<std::size_t>(scored_tokens(s.options));
  s.run(
      engine, progress,
      [&](std::size_t chunk, std::size_t row, std::span<const float> logits) {
        const std::size_t at = chunk * rows + row;
        scores[at].top = static_cast<TokenId>(argmax(logits));
        scores[at].same_top = scores[at].top == s.kept[at].top;
        scores[at].kl = divergence(s.kept[at], logits);
      },
      &TokenScore::logprob, scores);
  PerplexityReport report;
  report.tokens = s.tokens;
  report.chunks = static_cast<std::int64_t>(s.chunks.size());
  report.scored = static_cast<std::int64_t>(scores.size());
  report.model = perplexity_figures(scores, false);
  require_number(report.model, "the model");
  report.divergence = divergence_figures(scores);
  require_number(report.divergence->base, "the base model");
  report.seconds = seconds_since(started);
  return report;
}

}  // namespace lathe
