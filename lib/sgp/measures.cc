#include "lathe/sgp/measures.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "sgp/pairing.h"

namespace lathe {
namespace {

// Sums up one group of records.
struct Group {
  std::vector<double> scores;
  std::int64_t answered = 0;
  std::int64_t errors = 0;

  void add(const SgpRecord& r) { add({r.extracted, r.score}, r.error.has_value()); }
  void add(const SgpVerdict& verdict, bool error) {
    if (error) {
      ++errors;
      return;
    }
    scores.push_back(verdict.score);
    answered += verdict.extracted ? 1 : 0;
  }
  SgpShare share() const { return sgp_share(scores, answered, errors); }
};

struct SplitGroup {
  Group all;
  std::map<std::string, Group> subjects;
};

// Another reading of a record, or null where it has none.
struct Reading {
  const char* name;
  const SgpVerdict* (*of)(const SgpRecord&);
};

constexpr Reading kReadings[] = {
    {"reference", [](const SgpRecord& r) { return r.reference ? &*r.reference : nullptr; }},
    {"robust", [](const SgpRecord& r) { return r.robust ? &*r.robust : nullptr; }},
    {"judge", [](const SgpRecord& r) { return r.judge ? &r.judge->verdict : nullptr; }},
    {"text", [](const SgpRecord& r) { return r.logprobs ? &r.logprobs->by_text : nullptr; }},
    {"text per byte",
     [](const SgpRecord& r) { return r.logprobs ? &r.logprobs->by_text_per_byte : nullptr; }},
};

// Each reading that some record has, over all records that were asked. A record without it (a
// free answer, which no judge reads) counts there as it does in the score.
std::vector<std::pair<std::string, SgpShare>> readings_of(std::span<const SgpRecord> records) {
  std::vector<std::pair<std::string, SgpShare>> out;
  for (const Reading& reading : kReadings) {
    Group group;
    bool some = false;
    for (const SgpRecord& r : records) {
      const SgpVerdict* verdict = r.error ? nullptr : reading.of(r);
      some = some || verdict != nullptr;
      if (verdict != nullptr) {
        group.add(*verdict, false);
      } else {
        group.add(r);
      }
    }
    if (some) out.emplace_back(reading.name, group.share());
  }
  return out;
}

using Set = std::vector<const SgpRecord*>;

// The share of a question's commonest answer among its records.
double agreement(const Set& row) {
  std::map<std::optional<std::string>, std::int64_t> counts;
  std::int64_t most = 0;
  for (const SgpRecord* record : row) most = std::max(most, ++counts[record->extracted]);
  return static_cast<double>(most) / static_cast<double>(row.size());
}

SgpConsistency consistency_of(const std::string& name, const std::vector<std::string>& splits,
                              const std::map<std::string, Set>& by_split) {
  SgpConsistency out;
  out.name = name;
  std::vector<Set> sets;
  for (const std::string& split : splits) {
    const auto found = by_split.find(split);
    if (found == by_split.end()) continue;
    out.splits.push_back(split);
    sets.push_back(found->second);
  }
  if (sets.size() < 2) return out;
  double answered = 0.0, right = 0.0;
  for (const Set& row : align_sets(sets)) {
    if (std::any_of(row.begin(), row.end(), [](const auto* r) { return r->error.has_value(); })) {
      ++out.not_asked;
      continue;
    }
    ++out.questions;
    out.consistency += agreement(row);
    for (const SgpRecord* record : row) {
      answered += record->extracted ? 1.0 : 0.0;
      right += record->score;
    }
  }
  if (out.questions == 0) return out;
  const auto n = static_cast<double>(out.questions);
  out.consistency /= n;
  out.answered = answered / (n * static_cast<double>(sets.size()));
  out.accuracy = right / (n * static_cast<double>(sets.size()));
  return out;
}

std::vector<SgpConsistency> consistencies(std::span<const SgpRecord> records) {
  std::map<std::string, Set> by_split;
  for (const SgpRecord& record : records) by_split[record.split].push_back(&record);
  for (auto& [split, set] : by_split) {
    // Questions are asked in another order than that of the data.
    std::stable_sort(set.begin(), set.end(), [](const SgpRecord* a, const SgpRecord* b) {
      return a->position < b->position;
    });
  }
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
  std::map<std::string, SplitGroup> splits;
  SgpSummary out;
  for (const SgpRecord& r : records) {
    overall.add(r);
    SplitGroup& split = splits[r.split];
    split.all.add(r);
    if (!r.subject.empty()) split.subjects[r.subject].add(r);
    out.prompt_tokens += r.prompt_tokens;
    out.generated_tokens += r.generated_tokens;
    if (r.error) ++(r.prompt_hash.empty() ? out.bad_rows : out.not_run);
  }
  out.overall = overall.share();
  for (const auto& [name, group] : splits) {
    SgpSplit split{name, group.all.share(), {}};
    for (const auto& [subject_name, subject] : group.subjects) {
      split.subjects.push_back({subject_name, subject.share()});
    }
    out.splits.push_back(std::move(split));
  }
  out.readings = readings_of(records);
  out.consistency = consistencies(records);
  return out;
}

}  // namespace lathe
