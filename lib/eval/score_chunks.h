// A text in chunks through an engine: what both kinds of measuring a model on a text share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "lathe/engine.h"
#include "lathe/perplexity.h"

namespace lathe {

using Chunk = std::vector<TokenId>;
using OnLogits = std::function<void(std::size_t chunk, std::size_t row, std::span<const float>)>;

// Tokens of a chunk that are given, and those behind them, which are scored.
std::int64_t given_tokens(const PerplexityOptions& options) noexcept;
std::int64_t scored_tokens(const PerplexityOptions& options) noexcept;

// Throws as measure_perplexity() for a text and options that the engine cannot score.
void check_scoring(const Engine& engine, std::int64_t n_tokens, const PerplexityOptions& options);
// Throws kInvalid where vocabularies are not of one size.
void check_vocabularies(std::int64_t vocab, std::int64_t base_vocab);
// Throws kInvalid for a perplexity beyond all numbers; `what` names the model.
void require_number(const PerplexityFigures& figures, std::string_view what);

// Numbers of the chunks that are scored: those of the shard.
std::vector<std::int64_t> scored_chunks(std::int64_t n_tokens, const PerplexityOptions& options);
Chunk chunk_of(std::span<const TokenId> tokens, std::optional<TokenId> bos,
               const PerplexityOptions& options, std::int64_t number);

// Lets an engine score chunks side by side, each as what follows its first tokens. `on_logits` and
// `on_done` see numbers of chunks; the scores come in the chunks' order.
std::vector<ContinuationScore> score_chunks(Engine& engine, const std::vector<Chunk>& chunks,
                                            std::size_t given, const OnLogits& on_logits,
                                            const std::function<void()>& on_done);

}  // namespace lathe
