// How models go on with the same beginnings: greedily, and how far that is from a base's way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "lathe/engine.h"

namespace lathe::tool {

using Tokens = std::vector<TokenId>;

// Of each prompt the `count` tokens that follow; ends of texts are tokens as others.
std::vector<Tokens> continue_greedily(Engine& engine, std::span<const Tokens> prompts,
                                      std::int64_t count);

struct Estimate {
  double mean = 0.0;
  std::optional<double> error;  // one standard error; none of one alone
};

struct ContinuationFigures {
  Estimate edits;  // edit distance for each token of the base's way
  Estimate first;  // tokens before the first that differs; all where none does
  std::int64_t same = 0;
  std::int64_t count = 0;
};

// Both of the same prompts, at least one.
ContinuationFigures compare_continuations(std::span<const Tokens> ours,
                                          std::span<const Tokens> base);

}  // namespace lathe::tool
