#include "lathe/perplexity.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "base/fail.h"
#include "eval/log_softmax.h"
#include "eval/score_statistics.h"
#include "parallel/thread_pool.h"

namespace lathe {
namespace {

using Chunks = std::vector<std::vector<TokenId>>;

// Logits that predict the scored tokens of every chunk: context - first - 1 rows per chunk,
// chunk after chunk. Valid until the session's next step.
std::span<const float> run_chunks(Session& session, const Chunks& chunks, std::size_t first) {
  std::vector<SequenceId> sequences;
  std::vector<SequenceInput> inputs;
  for (const auto& chunk : chunks) {
    sequences.push_back(session.add());
    // The first half only fills the KV cache: no logits but the last.
    inputs.push_back({sequences.back(), std::span(chunk).first(first), false});
  }
  session.forward(inputs);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    // The chunk's last token predicts nothing that is scored.
    inputs[i].tokens = std::span(chunks[i]).subspan(first, chunks[i].size() - first - 1);
    inputs[i].all_logits = true;
  }
  const std::span<const float> logits = session.forward(inputs);
  for (const SequenceId sequence : sequences) session.drop(sequence);
  return logits;
}

void check_context(const Session& session, std::int64_t context) {
  const std::int64_t most = session.model().config().max_position;
  if (context > most) {
    fail(ErrorCode::kLimit, "chunks of {} tokens do not fit the model's context of {}", context,
         most);
  }
}

void check(const Session& session, const Session* base, std::int64_t n_tokens,
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
  check_context(session, options.context);
  if (base == nullptr) return;
  check_context(*base, options.context);
  const std::int64_t vocab = session.model().config().vocab_size;
  const std::int64_t base_vocab = base->model().config().vocab_size;
  if (vocab != base_vocab) {
    fail_invalid(
        "the models cannot be compared: one has a vocabulary of {} tokens, the base one of {}",
        vocab, base_vocab);
  }
}

// Fills the figures of one position; its chunk, position and token are set.
void score_position(std::span<const float> logits, std::span<const float> base, TokenScore& score) {
  const auto id = static_cast<std::size_t>(score.token);
  const double lse = log_sum_exp(logits);
  score.logprob = logits[id] - lse;
  if (base.empty()) return;
  const double base_lse = log_sum_exp(base);
  score.base_logprob = base[id] - base_lse;
  score.kl = kl_divergence(base, base_lse, logits, lse);
  score.same_top = argmax(logits) == argmax(base);
}

}  // namespace

PerplexityReport measure_perplexity(Session& session, Session* base,
                                    std::span<const TokenId> tokens, std::optional<TokenId> bos,
                                    const PerplexityOptions& options,
                                    const ProgressCallback& progress,
                                    const std::function<void(const TokenScore&)>& on_score) {
  const auto started = std::chrono::steady_clock::now();
  check(session, base, static_cast<std::int64_t>(tokens.size()), options);
  const std::int64_t context = options.context;
  const std::int64_t first = context / 2;
  const std::int64_t scored_per_chunk = context - first - 1;
  const auto vocab = static_cast<std::size_t>(session.model().config().vocab_size);

  PerplexityReport report;
  report.tokens = static_cast<std::int64_t>(tokens.size());
  report.chunks = report.tokens / context;
  if (options.max_chunks > 0) report.chunks = std::min(report.chunks, options.max_chunks);
  report.scored = report.chunks * scored_per_chunk;

  const auto tell = [&](std::int64_t done) {
    if (progress) {
      progress(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(report.chunks),
               "chunks");
    }
  };
  std::vector<TokenScore> scores(static_cast<std::size_t>(report.scored));
  const std::int64_t chunks_per_step = std::max<std::int64_t>(1, options.step_tokens / context);
  ThreadPool pool(session.threads());

  for (std::int64_t at = 0; at < report.chunks; at += chunks_per_step) {
    tell(at);
    const std::int64_t count = std::min(chunks_per_step, report.chunks - at);
    Chunks chunks;
    for (std::int64_t c = at; c < at + count; ++c) {
      const auto begin = tokens.begin() + c * context;
      chunks.emplace_back(begin, begin + context);
      if (bos) chunks.back()[0] = *bos;
    }
    const auto split = static_cast<std::size_t>(first);
    const std::span<const float> logits = run_chunks(session, chunks, split);
    const std::span<const float> base_logits =
        base == nullptr ? std::span<const float>() : run_chunks(*base, chunks, split);

    const std::span<TokenScore> step_scores =
        std::span(scores).subspan(static_cast<std::size_t>(at * scored_per_chunk),
                                  static_cast<std::size_t>(count * scored_per_chunk));
    pool.parallel_for(count * scored_per_chunk, 8, [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t row = from; row < to; ++row) {
        const std::int64_t chunk = row / scored_per_chunk;
        TokenScore& score = step_scores[static_cast<std::size_t>(row)];
        score.chunk = at + chunk;
        score.position = first + 1 + row % scored_per_chunk;
        score.token =
            chunks[static_cast<std::size_t>(chunk)][static_cast<std::size_t>(score.position)];
        const std::size_t offset = static_cast<std::size_t>(row) * vocab;
        score_position(logits.subspan(offset, vocab),
                       base_logits.empty() ? base_logits : base_logits.subspan(offset, vocab),
                       score);
      }
    });
    if (on_score) {
      for (const TokenScore& score : step_scores) on_score(score);
    }
  }
  tell(report.chunks);
  report.model = perplexity_figures(scores, false);
  if (base != nullptr) report.divergence = divergence_figures(scores);
  report.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace lathe
