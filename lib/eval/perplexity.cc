#include "lathe/perplexity.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "lathe/model_config.h"

#include "base/seconds.h"
#include "eval/log_softmax.h"
#include "eval/score_chunks.h"
#include "eval/score_statistics.h"

namespace lathe {
namespace {

// Chunks that an engine is given at once; of two models, whose logits are kept between, fewer.
constexpr std::int64_t kChunksAtOnce = 64;
constexpr std::int64_t kChunksCompared = 2;

// What tells the model's logits from the base's.
void compare(std::span<const float> logits, std::span<const float> base, TokenScore& score) {
  score.kl = kl_divergence(base, libm_log_sum_exp(base), logits, libm_log_sum_exp(logits));
  score.same_top = score.top == static_cast<TokenId>(argmax(base));
}

// Chunks that are scored together, and where their scores go: one after the other, for each the
// positions from `given` on.
struct Turn {
  std::vector<Chunk> chunks;
  std::size_t given = 0;
  std::span<TokenScore> scores;

  std::size_t rows() const { return chunks.front().size() - given; }

  void name_positions(std::span<const std::int64_t> numbers) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const std::size_t position = given + i % rows();
      scores[i].chunk = numbers[i / rows()];
      scores[i].position = static_cast<std::int64_t>(position);
      scores[i].token = chunks[i / rows()][position];
    }
  }

  void run(Engine& engine, double TokenScore::*logprob, const OnLogits& on_logits,
           const std::function<void()>& on_done) {
    const auto from = score_chunks(engine, chunks, given, on_logits, on_done);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      scores[i].*logprob = from[i / rows()].logprobs[i % rows()];
    }
  }

  // One engine after the other; `kept` holds the first one's logits meanwhile.
  void run_both(Engine& engine, Engine& base, std::vector<float>& kept,
                const std::function<void()>& on_done) {
    const auto vocab = static_cast<std::size_t>(engine.model().config().vocab_size);
    kept.resize(scores.size() * vocab);
    const auto kept_row = [&](std::size_t chunk, std::size_t row) {
      return std::span(kept).subspan((chunk * rows() + row) * vocab, vocab);
    };
    run(engine, &TokenScore::logprob,
        [&](std::size_t chunk, std::size_t row, std::span<const float> logits) {
          std::copy(logits.begin(), logits.end(), kept_row(chunk, row).begin());
          scores[chunk * rows() + row].top = static_cast<TokenId>(argmax(logits));
        },
        {});
    run(
        base, &TokenScore::base_logprob,
        [&](std::size_t chunk, std::size_t row, std::span<const float> logits) {
          compare(kept_row(chunk, row), logits, scores[chunk * rows() + row]);
        },
        on_done);
  }
};

}  // namespace

EngineOptions perplexity_engine(const PerplexityOptions& options) {
  EngineOptions out;
  out.context = options.context;
  out.share_prefixes = false;  // no chunk begins as another does
  // While one chunk is scored the next is read, in steps of as many rows as pay.
  out.max_batch = 4;
  out.prefill_chunk = 256;
  return out;
}

PerplexityReport measure_perplexity(Engine& engine, Engine* base, std::span<const TokenId> tokens,
                                    std::optional<TokenId> bos, const PerplexityOptions& options,
                                    const ProgressCallback& progress,
                                    const std::function<void(const TokenScore&)>& on_score) {
  const auto started = std::chrono::steady_clock::now();
  PerplexityReport report;
  report.tokens = static_cast<std::int64_t>(tokens.size());
  check_scoring(engine, report.tokens, options);
  if (base != nullptr) {
    check_scoring(*base, report.tokens, options);
    check_vocabularies(engine.model().config().vocab_size, base->model().config().vocab_size);
  }
  const std::int64_t given = given_tokens(options);
  const std::int64_t rows = scored_tokens(options);
  const std::vector<std::int64_t> own = scored_chunks(report.tokens, options);
  report.chunks = static_cast<std::int64_t>(own.size());
  report.scored = report.chunks * rows;

  std::int64_t done = 0;
  const auto tell = [&] {
    if (progress) {
      progress(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(report.chunks),
               "chunks");
    }
  };
  const auto chunk_done = [&] {
    ++done;
    tell();
  };
  tell();
  std::vector<TokenScore> scores(static_cast<std::size_t>(report.scored));
  std::vector<float> kept;
  const std::int64_t per_turn = base == nullptr ? kChunksAtOnce : kChunksCompared;
  for (std::int64_t at = 0; at < report.chunks; at += per_turn) {
    const std::int64_t count = std::min(per_turn, report.chunks - at);
    Turn turn;
    turn.given = static_cast<std::size_t>(given);
    turn.scores = std::span(scores).subspan(static_cast<std::size_t>(at * rows),
                                            static_cast<std::size_t>(count * rows));
    const auto numbers =
        std::span(own).subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count));
    for (const std::int64_t number : numbers) {
      turn.chunks.push_back(chunk_of(tokens, bos, options, number));
    }
    turn.name_positions(numbers);
    if (base == nullptr) {
      OnLogits find_top;
      if (on_score) {
        find_top = [&turn](std::size_t chunk, std::size_t row, std::span<const float> logits) {
          turn.scores[chunk * turn.rows() + row].top = static_cast<TokenId>(argmax(logits));
        };
      }
      turn.run(engine, &TokenScore::logprob, find_top, chunk_done);
    } else {
      turn.run_both(engine, *base, kept, chunk_done);
    }
    if (on_score) {
      for (const TokenScore& score : turn.scores) on_score(score);
    }
  }
  report.model = perplexity_figures(scores, false);
  require_number(report.model, "the model");
  if (base != nullptr) {
    report.divergence = divergence_figures(scores);
    require_number(report.divergence->base, "the base model");
  }
  report.seconds = seconds_since(started);
  return report;
}

}  // namespace lathe
