// Several models beside one base: a row for each.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lathe/checkpoint.h"
#include "lathe/engine.h"
#include "lathe/perplexity.h"

#include "common/tool.h"
#include "perplexity/continuations.h"

namespace lathe::tool {

struct SideBySide {
  std::string base;                 // paths
  std::vector<std::string> models;  // at least one
  PerplexityOptions how;
  std::int64_t continue_by = 0;  // tokens after each chunk's beginning; 0: none
  std::function<std::unique_ptr<Engine>(const std::shared_ptr<const Checkpoint>&, bool is_base)>
      engine;
};

// Tokens of a chunk that models go on from.
constexpr std::int64_t beginning_of(std::int64_t context) noexcept {
  return context < 128 ? context / 2 : 64;
}

struct ModelRow {
  std::string model;        // its path
  std::uint64_t bytes = 0;  // of its weights
  PerplexityReport report;
  std::optional<ContinuationFigures> continuations;
};

// One model after the other. Errors as KeptPredictions.
std::vector<ModelRow> measure_side_by_side(const Tool& tool, const SideBySide& run,
                                           const std::shared_ptr<const Checkpoint>& base,
                                           std::span<const TokenId> tokens,
                                           std::optional<TokenId> bos);

// The first row is the base's, whose report has no divergence.
std::string side_by_side_table(std::span<const ModelRow> rows);
// Schema lathe.perplexity.models/1.
std::string side_by_side_json(std::span<const ModelRow> rows, std::int64_t context);

}  // namespace lathe::tool
