#include "lathe/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lathe/model_config.h"

#include "base/fail.h"
#include "base/seconds.h"
#include "eval/log_softmax.h"
#include "eval/score_statistics.h"

namespace lathe {
namespace {

// Chunks that an engine is given at once; of two models, whose logits are kept between, fewer.
constexpr std::int64_t kChunksAtOnce = 64;
constexpr std::int64_t kChunksCompared = 2;

using Chunk = std::vector<TokenId>;
using OnLogits = std::function<void(std::size_t chunk, std::size_t row, std::span<const float>)>;

// Lets an engine score chunks side by side, each as what follows its first tokens. `on_logits` and
// `on_done` see numbers of chunks; the scores come in the chunks' order.
std::vector<ContinuationScore> score_chunks(Engine& engine, const std::vector<Chunk>& chunks,
                                            std::size_t given, const OnLogits& on_logits,
                                            const std::function<void()>& on_done) {
  std::unordered_map<RequestId, std::size_t> numbers;
  for (std::size_t number = 0; number < chunks.size(); ++number) {
    const auto split = chunks[number].begin() + static_cast<std::ptrdiff_t>(given);
    Request request;
    request.prompt.assign(chunks[number].begin(), split);
    request.continuations.emplace_back(split, chunks[number].end());
    request.samples = 0;
    if (on_logits) {
      request.on_logits = [&on_logits, number](std::size_t, std::size_t row,
                                               std::span<const float> logits) {
        on_logits(number, row, logits);
      };
    }
    numbers.emplace(engine.submit(std::move(request)), number);
  }
  std::vector<ContinuationScore> scores(chunks.size());
  while (!engine.idle()) {
    for (Completion& done : engine.step()) {
      if (done.error) throw Error(done.error->code, done.error->message);
      scores[numbers.at(done.id)] = std::move(done.continuations.front());
      if (on_done) on_done();
    }
  }
  return scores;
}

void check_context(const Engine& engine, std::int64_t context) {
  const std::int64_t most = engine.context();
  if (context > most) {
    fail(ErrorCode::kLimit, "chunks of {} tokens do not fit the model's context of {}", context,
         most);
  }
}

void check(const Engine& engine, const Engine* base, std::int64_t n_tokens,
           const PerplexityOptions& options) {
  if (options.context < 4) {
    fail(ErrorCode::kUsage, "a chunk of {} tokens is too short to score; use at least 4",
         options.context);
  }
  if (options.max_chunks == 0) {
    fail(ErrorCode::kUsage, "nothing to score: the number of chunks is limited to 0");
  }
  if (n_tokens < options.context) {
    fail_invalid(
        "the text has {} tokens, less than one chunk of {}; give a longer text or a smaller "
        "context",
        n_tokens, options.context);
  }
  check_context(engine, options.context);
  if (base == nullptr) return;
  check_context(*base, options.context);
  const std::int64_t vocab = engine.model().config().vocab_size;
  const std::int64_t base_vocab = base->model().config().vocab_size;
  if (vocab != base_vocab) {
    fail_invalid(
        "the models cannot be compared: one has a vocabulary of {} tokens, the base one of {}",
        vocab, base_vocab);
  }
}

// exp(mean NLL) leaves the numbers from 709 nats on: no model that is whole gets there.
void require_number(const PerplexityFigures& figures, std::string_view what) {
  if (std::isfinite(figures.perplexity)) return;
  fail_invalid(
      "{} gives each token a probability of e^{:.1f} in the mean, and its perplexity is beyond all "
      "numbers: its weights are damaged",
      what, -figures.mean_nll);
}

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

namespace {

std::int64_t own_chunks(const Shard& shard, std::int64_t chunks) {
  const auto own = static_cast<std::int64_t>(shard.size(static_cast<std::uint64_t>(chunks)));
  if (own == 0) {
    fail(ErrorCode::kUsage, "the text has {} chunks, too few for shard {} of {}", chunks,
         shard.number + 1, shard.count);
  }
  return own;
}

}  // namespace

PerplexityReport measure_perplexity(Engine& engine, Engine* base, std::span<const TokenId> tokens,
                                    std::optional<TokenId> bos, const PerplexityOptions& options,
                                    const ProgressCallback& progress,
                                    const std::function<void(const TokenScore&)>& on_score) {
  const auto started = std::chrono::steady_clock::now();
  check(engine, base, static_cast<std::int64_t>(tokens.size()), options);
  const std::int64_t context = options.context;
  const std::int64_t given = context / 2 + 1;
  const std::int64_t rows = context - given;

  PerplexityReport report;
  report.tokens = static_cast<std::int64_t>(tokens.size());
  report.chunks = report.tokens / context;
  if (options.max_chunks > 0) report.chunks = std::min(report.chunks, options.max_chunks);
  report.chunks = own_chunks(options.shard, report.chunks);
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
    std::vector<std::int64_t> numbers;
    for (std::int64_t c = at; c < at + count; ++c) {
      numbers.push_back(
          static_cast<std::int64_t>(options.shard.index(static_cast<std::uint64_t>(c))));
      const auto begin = tokens.begin() + numbers.back() * context;
      turn.chunks.emplace_back(begin, begin + context);
      if (bos) turn.chunks.back()[0] = *bos;
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
