#include "lathe/sgp/measures.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace lathe {
namespace {

// Sums up one group of records.
struct Group {
  std::vector<double> scores;
  std::int64_t answered = 0;
  std::int64_t errors = 0;

  void add(double score, bool has_answer, bool error) {
    scores.push_back(score);
    answered += has_answer ? 1 : 0;
    errors += error ? 1 : 0;
  }
  SgpShare share() const { return sgp_share(scores, answered, errors); }
};

struct SplitGroup {
  std::string name;
  Group all;
  std::map<std::string, Group> subjects;
};

// The answers of one set by question.
using Answers = std::map<std::string, const SgpRecord*>;

SgpConsistency consistency_of(const std::string& name, const std::vector<std::string>& splits,
                              const std::map<std::string, Answers>& by_split) {
  SgpConsistency out;
  out.name = name;
  std::vector<const Answers*> sets;
  for (const std::string& split : splits) {
    const auto found = by_split.find(split);
    if (found == by_split.end()) continue;
    out.splits.push_back(split);
    sets.push_back(&found->second);
  }
  if (sets.size() < 2) return out;
  double answered = 0.0;
  for (const auto& [id, first] : *sets.front()) {
    std::map<std::optional<std::string>, std::int64_t> counts;
    std::size_t present = 0;
    for (const Answers* set : sets) {
      const auto found = set->find(id);
      if (found == set->end()) break;
      ++present;
      ++counts[found->second->extracted];
    }
    if (present < sets.size()) continue;
    std::int64_t most = 0;
    for (const auto& [answer, count] : counts) most = std::max(most, count);
    const auto n = static_cast<double>(sets.size());
    const auto silent = counts.find(std::nullopt);
    const double silence = silent == counts.end() ? 0.0 : static_cast<double>(silent->second);
    out.consistency += static_cast<double>(most) / n;
    answered += (n - silence) / n;
    ++out.questions;
  }
  if (out.questions == 0) return out;
  out.consistency /= static_cast<double>(out.questions);
  out.answered = answered / static_cast<double>(out.questions);
  for (const Answers* set : sets) {
    double sum = 0.0;
    for (const auto& [id, record] : *set) sum += record->score;
    out.accuracy += sum / static_cast<double>(set->size()) / static_cast<double>(sets.size());
  }
  return out;
}

std::vector<SgpConsistency> consistencies(std::span<const SgpRecord> records) {
  std::map<std::string, Answers> by_split;
  for (const SgpRecord& record : records) by_split[record.split].emplace(record.id, &record);
  std::vector<SgpConsistency> out;
  const std::pair<const char*, char> kinds[] = {{"translation", 't'}, {"rotation", 'r'}};
  for (const auto& [name, letter] : kinds) {
    std::vector<std::string> splits = {"inv"};
    for (char digit = '0'; digit <= '4'; ++digit) {
      splits.push_back(std::string("inv_") + letter + digit);
    }
    SgpConsistency one = consistency_of(name, splits, by_split);
    if (one.questions > 0) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

SgpShare sgp_share(std::span<const double> scores, std::int64_t answered, std::int64_t errors) {
  SgpShare share;
  share.count = static_cast<std::int64_t>(scores.size());
  share.errors = errors;
  if (scores.empty()) return share;
  const auto n = static_cast<double>(scores.size());
  double sum = 0.0;
  for (const double score : scores) sum += score;
  share.mean = sum / n;
  double squares = 0.0;
  for (const double score : scores) squares += (score - share.mean) * (score - share.mean);
  share.std = std::sqrt(squares / n);
  share.standard_error = share.std / std::sqrt(n);
  share.answered = static_cast<double>(answered) / n;

  constexpr double kZ = 1.959963984540054;
  const double p = share.mean;
  const double scale = 1.0 + kZ * kZ / n;
  const double middle = (p + kZ * kZ / (2.0 * n)) / scale;
  const double half = kZ * std::sqrt(p * (1.0 - p) / n + kZ * kZ / (4.0 * n * n)) / scale;
  share.low = p == 0.0 ? 0.0 : std::max(0.0, middle - half);
  share.high = p == 1.0 ? 1.0 : std::min(1.0, middle + half);
  return share;
}

SgpSummary summarize_sgp(std::span<const SgpRecord> records) {
  Group overall;
  std::vector<SplitGroup> splits;
  std::vector<std::pair<std::string, Group>> readings;
  const auto reading = [&](const char* name, const SgpVerdict& verdict, const SgpRecord& r) {
    auto at = std::find_if(readings.begin(), readings.end(),
                           [&](const auto& known) { return known.first == name; });
    if (at == readings.end()) at = readings.insert(readings.end(), {name, {}});
    at->second.add(verdict.score, verdict.extracted.has_value(), r.error.has_value());
  };
  SgpSummary out;
  for (const SgpRecord& r : records) {
    overall.add(r.score, r.extracted.has_value(), r.error.has_value());
    auto at = std::find_if(splits.begin(), splits.end(),
                           [&](const SplitGroup& known) { return known.name == r.split; });
    if (at == splits.end()) at = splits.insert(splits.end(), {r.split, {}, {}});
    at->all.add(r.score, r.extracted.has_value(), r.error.has_value());
    if (!r.subject.empty()) {
      at->subjects[r.subject].add(r.score, r.extracted.has_value(), r.error.has_value());
    }
    if (r.reference) reading("reference", *r.reference, r);
    if (r.robust) reading("robust", *r.robust, r);
    if (r.judge) reading("judge", r.judge->verdict, r);
    if (r.logprobs) {
      reading("text", r.logprobs->by_text, r);
      reading("text per byte", r.logprobs->by_text_per_byte, r);
    }
    out.prompt_tokens += r.prompt_tokens;
    out.generated_tokens += r.generated_tokens;
    if (r.error) {
      ++(r.prompt_hash.empty() ? out.bad_rows : out.not_run);
    }
  }
  out.overall = overall.share();
  std::sort(splits.begin(), splits.end(),
            [](const SplitGroup& a, const SplitGroup& b) { return a.name < b.name; });
  for (const SplitGroup& group : splits) {
    SgpSplit split{group.name, group.all.share(), {}};
    for (const auto& [name, subject] : group.subjects)
      split.subjects.push_back({name, subject.share()});
    out.splits.push_back(std::move(split));
  }
  for (const auto& [name, group] : readings) out.readings.emplace_back(name, group.share());
  out.consistency = consistencies(records);
  return out;
}

}  // namespace lathe
