// What the logprob protocol compares: answers that a model might begin with, as tokens.
// Thread-safe.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/engine.h"
#include "lathe/sgp/question.h"
#include "lathe/sgp/record.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct SgpContinuations {
  // "Answer: A", "Answer: B", ... and then "Answer: <text of A>", ...
  std::vector<std::vector<TokenId>> all;
  // Of each, how many tokens are those of "Answer:" and do not count.
  std::vector<std::size_t> stem;
};

// Throws kUnsupported for a question without options.
SgpContinuations sgp_continuations(const SgpQuestion& question, const Tokenizer& tokenizer);

// Fills `record` from the log-probabilities of each option's letter and text: at a tie the earlier
// option wins.
void take_logprobs(const SgpQuestion& question, SgpLogprobs logprobs, SgpRecord& record);

// The same from the scores of `continuations.all`; false, and nothing filled, where these are no
// finite numbers. Logarithms are rounded to four decimals, so that the last bits of another
// machine's exp() do not show.
bool take_scores(const SgpQuestion& question, const SgpContinuations& continuations,
                 std::span<const ContinuationScore> scores, SgpRecord& record);

}  // namespace lathe
