#include "eval/score_chunks.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "lathe/model_config.h"

#include "base/fail.h"

namespace lathe {
namespace {

void check_context(const Engine& engine, std::int64_t context) {
  const std::int64_t most = engine.context();
  if (context > most) {
    fail(ErrorCode::kLimit, "chunks of {} tokens do not fit the model's context of {}", context,
         most);
  }
}

}  // namespace

void check_scoring(const Engine& engine, std::int64_t n_tokens, const PerplexityOptions& options) {
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
}

void check_vocabularies(std::int64_t vocab, std::int64_t base_vocab) {
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

std::int64_t given_tokens(const PerplexityOptions& options) noexcept {
  return options.context / 2 + 1;
}
std::int64_t scored_tokens(const PerplexityOptions& options) noexcept {
  return options.context - given_tokens(options);
}

std::vector<std::int64_t> scored_chunks(std::int64_t n_tokens, const PerplexityOptions& options) {
  std::int64_t chunks = n_tokens / options.context;
  if (options.max_chunks > 0) chunks = std::min(chunks, options.max_chunks);
  const std::uint64_t own = options.shard.size(static_cast<std::uint64_t>(chunks));
  if (own == 0) {
    fail(ErrorCode::kUsage, "the text has {} chunks, too few for shard {} of {}", chunks,
         options.shard.number + 1, options.shard.count);
  }
  std::vector<std::int64_t> out;
  for (std::uint64_t c = 0; c < own; ++c) {
    out.push_back(static_cast<std::int64_t>(options.shard.index(c)));
  }
  return out;
}

Chunk chunk_of(std::span<const TokenId> tokens, std::optional<TokenId> bos,
               const PerplexityOptions& options, std::int64_t number) {
  const auto begin = tokens.begin() + number * options.context;
  Chunk out(begin, begin + options.context);
  if (bos) out[0] = *bos;
  return out;
}

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

}  // namespace lathe
