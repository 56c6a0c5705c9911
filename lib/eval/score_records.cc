// Scores as lines of JSON, and two recorded runs side by side.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "lathe/host/json_text.h"
#include "lathe/host/lines.h"
#include "lathe/perplexity.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "eval/score_statistics.h"

namespace lathe {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 40;

// What a line says of another model (base_logprob, kl) is of a pair that is not asked about here.
TokenScore parse_score(std::string_view line, const std::string& where) {
  const nlohmann::json document = parse_json(line, where);
  const JsonView view(document, where);
  if (!view.is_object()) view.fail_here("is not an object");
  TokenScore score;
  score.chunk = view.at("chunk").as_int(0, kMany);
  score.position = view.at("position").as_int(0, kMany);
  score.token = static_cast<TokenId>(view.at("id").as_int(0, std::int64_t{1} << 30));
  score.logprob = view.at("logprob").as_double();
  if (score.logprob > 0.0) view.at("logprob").fail_here("is more than 0, and no probability");
  score.top = static_cast<TokenId>(view.get_int("top", 0).value_or(-1));
  return score;
}

bool same_place(const TokenScore& a, const TokenScore& b) {
  return a.chunk == b.chunk && a.position == b.position && a.token == b.token;
}

std::string place_of(std::span<const TokenScore> scores, std::size_t i) {
  if (i >= scores.size()) return "ends";
  const TokenScore& s = scores[i];
  return fmt::format("has token {} at position {} of chunk {}", s.token, s.position, s.chunk);
}

}  // namespace

std::string score_record(const TokenScore& score, std::string_view piece, bool with_base) {
  nlohmann::ordered_json out = {{"chunk", score.chunk},     {"position", score.position},
                                {"id", score.token},        {"piece", piece},
                                {"logprob", score.logprob}, {"top", score.top}};
  if (with_base) {
    out["base_logprob"] = score.base_logprob;
    out["kl"] = score.kl;
    out["same_top"] = score.same_top;
  }
  return json_text(out) + "\n";
}

std::vector<TokenScore> read_score_records(const std::string& path) {
  std::vector<TokenScore> scores;
  LineSource lines(path);
  std::int64_t number = 0;
  while (const auto line = lines.next()) {
    ++number;
    if (line->text.empty()) continue;
    const std::string where = fmt::format("{}, line {}", path, number);
    if (line->too_long) fail_invalid("{}: the line is too long", quoted(where));
    scores.push_back(parse_score(line->text, where));
  }
  if (scores.empty()) {
    fail_invalid("{}: holds no scores; perplexity --per-token writes them", quoted(path));
  }
  return scores;
}

namespace {

// By place: files of several shards, one behind the other, are a whole.
std::vector<TokenScore> in_order(std::span<const TokenScore> scores) {
  std::vector<TokenScore> out(scores.begin(), scores.end());
  std::stable_sort(out.begin(), out.end(), [](const TokenScore& a, const TokenScore& b) {
    return std::tie(a.chunk, a.position) < std::tie(b.chunk, b.position);
  });
  return out;
}

}  // namespace

PerplexityReport compare_scores(std::span<const TokenScore> our_scores, const std::string& our_name,
                                std::span<const TokenScore> base_scores,
                                const std::string& base_name) {
  const std::vector<TokenScore> ours = in_order(our_scores), base = in_order(base_scores);
  const auto [mine, theirs] =
      std::mismatch(ours.begin(), ours.end(), base.begin(), base.end(), same_place);
  if (mine != ours.end() || theirs != base.end()) {
    const auto i = static_cast<std::size_t>(mine - ours.begin());
    fail_invalid(
        "{} and {} are no runs over the same text with the same --ctx: where the first {}, the "
        "second {}",
        quoted(our_name), quoted(base_name), place_of(ours, i), place_of(base, i));
  }
  std::vector<TokenScore> both = ours;
  bool tops = true;
  std::set<std::int64_t> chunks;
  for (std::size_t i = 0; i < both.size(); ++i) {
    both[i].base_logprob = base[i].logprob;
    both[i].same_top = both[i].top == base[i].top;
    tops = tops && both[i].top >= 0 && base[i].top >= 0;
    chunks.insert(both[i].chunk);
  }
  PerplexityReport report;
  report.chunks = static_cast<std::int64_t>(chunks.size());
  report.scored = static_cast<std::int64_t>(both.size());
  report.model = perplexity_figures(both, false);
  report.divergence = divergence_figures(both, {.kl = false, .top = tops});
  return report;
}

}  // namespace lathe
