// How well a model predicts a text, and how far a second model strays from a first.
//
// The text's tokens are cut into chunks of `context` tokens, BOS in place of each chunk's
// first token where the model begins texts with BOS, and the second half of each chunk is
// scored: token i of a chunk, i in (context/2, context), given all before it. This is how
// llama-perplexity counts, so figures compare.
//
//   perplexity = exp(mean NLL); its error is perplexity · sd(NLL) / sqrt(n - 1).
//
// With a base model both run on the same chunks, some at a time, and each scored position also
// gives the Kullback-Leibler divergence D(base ‖ model) = Σ p_base · (ln p_base - ln p), nats.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/host/progress.h"
#include "lathe/host/shard.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct PerplexityOptions {
  std::int64_t context = 512;    // tokens per chunk, at least 4
  std::int64_t max_chunks = -1;  // -1: all
  Shard shard = {};              // of those
};

// One scored position.
struct TokenScore {
  std::int64_t chunk = 0;
  std::int64_t position = 0;  // of the token inside its chunk
  TokenId token = 0;
  double logprob = 0.0;  // natural logarithm
  TokenId top = -1;      // the model's likeliest token; -1 where nobody asked for scores
  // With a base model only:
  double base_logprob = 0.0;
  double kl = 0.0;
  bool same_top = false;  // both models' likeliest token is the same
};

struct PerplexityFigures {
  double perplexity = 0.0;
  std::optional<double> error;  // one standard error; none of one position alone
  double mean_nll = 0.0;
};

struct KlFigures {
  double mean = 0.0;
  std::optional<double> error;
  double min = 0.0, median = 0.0, p90 = 0.0, p95 = 0.0, p99 = 0.0, p999 = 0.0, max = 0.0;
};

struct DivergenceFigures {
  PerplexityFigures base;
  double ln_ratio = 0.0;                 // ln(perplexity / base perplexity)
  std::optional<double> ln_ratio_error;  // from the paired differences
  std::optional<KlFigures> kl;           // none of recorded scores: it takes all logits
  std::optional<double> same_top;        // share of positions; none where a record lacks it
  std::optional<double> same_top_error;
  double rms_delta_p = 0.0;  // of the scored token's probability
  double mean_delta_p = 0.0;
};

struct PerplexityReport {
  std::int64_t tokens = 0;  // in the text
  std::int64_t chunks = 0;
  std::int64_t scored = 0;
  PerplexityFigures model;
  std::optional<DivergenceFigures> divergence;
  double seconds = 0.0;
};

// What an engine for measure_perplexity() should be like; threads and the keys' type are left to
// the caller.
LATHE_API EngineOptions perplexity_engine(const PerplexityOptions& options);

// Scores `tokens` (the text without BOS). `base` may be null. `on_score`, when given, sees
// every position in order; with a shard, of its chunks; `progress` counts chunks. Both models must
// have the same vocabulary size (kInvalid otherwise). Throws kInvalid when the text has less than
// one chunk and when a perplexity is beyond all numbers, kLimit when a chunk does not fit a model's
// context. `bos` is what replaces each
// chunk's first token; nothing leaves it as it is.
LATHE_API PerplexityReport measure_perplexity(
    Engine& engine, Engine* base, std::span<const TokenId> tokens, std::optional<TokenId> bos,
    const PerplexityOptions& options, const ProgressCallback& progress = {},
    const std::function<void(const TokenScore&)>& on_score = {});

// ---- a base model that several are compared with, one after the other

// What a model says of a text's scored positions, kept so that it runs once: of each position the
// likeliest words, and what is left as one. Divergences from it are those from the model but for
// what moves among the rest, less than a hundredth; never more. Takes some 20 KB for a position.
class LATHE_API KeptPredictions {
 public:
  // As measure_perplexity(), without a base.
  KeptPredictions(Engine& base, std::span<const TokenId> tokens, std::optional<TokenId> bos,
                  const PerplexityOptions& options, const ProgressCallback& progress = {});
  ~KeptPredictions();
  KeptPredictions(KeptPredictions&&) noexcept;
  KeptPredictions& operator=(KeptPredictions&&) noexcept;

  // The same text's report for a model of the same vocabulary, with its divergence from the base.
  PerplexityReport measure(Engine& engine, const ProgressCallback& progress = {}) const;

  // The first `count` tokens of each chunk, with BOS where the model was given it. kBug for more
  // than a chunk gives the model.
  std::vector<std::vector<TokenId>> beginnings(std::int64_t count) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// ---- recorded runs

// A line of JSON for a scored position (perplexity(1), --per-token). `piece` is the token's text.
LATHE_API std::string score_record(const TokenScore& score, std::string_view piece, bool with_base);
// All lines of such a file. Throws kIo; kInvalid, naming the line, for what is none.
LATHE_API std::vector<TokenScore> read_score_records(const std::string& path);
// The figures of `ours` beside `base`, which scored the same positions of the same text: throws
// kInvalid where they did not. The names are for messages.
LATHE_API PerplexityReport compare_scores(std::span<const TokenScore> ours,
                                          const std::string& our_name,
                                          std::span<const TokenScore> base,
                                          const std::string& base_name);

}  // namespace lathe
