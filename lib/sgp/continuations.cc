#include "sgp/continuations.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace lathe {
namespace {

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

SgpVerdict best_of(std::span<const double> values, const std::string& answer) {
  const auto best = std::max_element(values.begin(), values.end());
  SgpVerdict verdict;
  verdict.extracted = std::string(1, static_cast<char>('A' + (best - values.begin())));
  verdict.score = verdict.extracted == answer ? 1.0 : 0.0;
  return verdict;
}

}  // namespace

SgpContinuations sgp_continuations(const SgpQuestion& question, const Tokenizer& tokenizer) {
  if (!question.is_choice()) {
    fail(ErrorCode::kUnsupported,
         "the logprob protocol compares options, and this question asks for a free answer");
  }
  EncodeOptions encode;
  encode.add_special = false;
  encode.after_special = true;
  const std::string kStem = "Answer:";
  const std::vector<TokenId> stem = tokenizer.encode(kStem, encode);
  SgpContinuations out;
  const auto add = [&](const std::string& text) {
    out.all.push_back(tokenizer.encode(kStem + " " + text, encode));
    const std::vector<TokenId>& ids = out.all.back();
    const auto common = std::mismatch(stem.begin(), stem.end(), ids.begin(), ids.end());
    out.stem.push_back(static_cast<std::size_t>(common.first - stem.begin()));
  };
  for (std::size_t i = 0; i < question.options.size(); ++i) {
    add(std::string(1, static_cast<char>('A' + i)));
  }
  for (const std::string& option : question.options) add(option);
  return out;
}

void take_logprobs(const SgpQuestion& question, SgpLogprobs logprobs, SgpRecord& record) {
  std::vector<double> per_byte;
  for (std::size_t i = 0; i < question.options.size(); ++i) {
    per_byte.push_back(logprobs.text[i] / static_cast<double>(question.options[i].size()));
  }
  const SgpVerdict letter = best_of(logprobs.letter, question.answer);
  record.extracted = letter.extracted;
  record.score = letter.score;
  logprobs.by_text = best_of(logprobs.text, question.answer);
  logprobs.by_text_per_byte = best_of(per_byte, question.answer);
  record.logprobs = std::move(logprobs);
}

bool take_scores(const SgpQuestion& question, const SgpContinuations& continuations,
                 std::span<const ContinuationScore> scores, SgpRecord& record) {
  const std::size_t n = question.options.size();
  SgpLogprobs out;
  for (std::size_t i = 0; i < 2 * n; ++i) {
    const std::vector<double>& logprobs = scores[i].logprobs;
    double sum = 0.0;
    for (std::size_t t = continuations.stem[i]; t < logprobs.size(); ++t) sum += logprobs[t];
    if (!std::isfinite(sum)) return false;
    (i < n ? out.letter : out.text).push_back(rounded(sum));
  }
  take_logprobs(question, std::move(out), record);
  return true;
}

}  // namespace lathe
