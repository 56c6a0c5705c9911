// Two runs on the same questions: McNemar's test (McNemar 1947), exact where that is cheap.
#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "lathe/sgp/measures.h"

#include "sgp/pairing.h"

namespace lathe {
namespace {

constexpr std::int64_t kExactPairs = 1000;

// Two-sided: how probable a split of n fair coins is that is at least as uneven as k : n - k.
double binomial_p(std::int64_t n, std::int64_t k) {
  const std::int64_t fewer = std::min(k, n - k);
  // log C(n, i) - n log 2, by recurrence.
  double log_term = -static_cast<double>(n) * std::log(2.0);
  double sum = 0.0;
  for (std::int64_t i = 0; i <= fewer; ++i) {
    sum += std::exp(log_term);
    log_term += std::log(static_cast<double>(n - i)) - std::log(static_cast<double>(i + 1));
  }
  return std::min(1.0, 2.0 * sum);
}

double mcnemar_p(std::int64_t gained, std::int64_t lost) {
  const std::int64_t n = gained + lost;
  if (n == 0) return 1.0;
  if (n <= kExactPairs) return binomial_p(n, lost);
  const double difference = std::max(0.0, std::abs(static_cast<double>(gained - lost)) - 1.0);
  const double chi_squared = difference * difference / static_cast<double>(n);
  return std::erfc(std::sqrt(chi_squared / 2.0));
}

struct Pairs {
  std::int64_t count = 0, gained = 0, lost = 0;
  double ours = 0.0, base = 0.0;  // sums

  void add(double our_score, double base_score) {
    ++count;
    ours += our_score;
    base += base_score;
    gained += our_score > base_score ? 1 : 0;
    lost += our_score < base_score ? 1 : 0;
  }
  SgpPaired row(std::string name) const {
    const double n = count > 0 ? static_cast<double>(count) : 1.0;
    return {std::move(name), count, gained, lost, ours / n, base / n, mcnemar_p(gained, lost)};
  }
};

}  // namespace

SgpComparison compare_sgp(std::span<const SgpRecord> ours, std::span<const SgpRecord> base) {
  const std::vector<const SgpRecord*> partners = partners_of(ours, base);
  SgpComparison out;
  out.only_base = static_cast<std::int64_t>(base.size());
  Pairs all;
  std::map<std::string, Pairs> splits;
  std::map<std::string, std::map<std::string, Pairs>> subjects;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const SgpRecord& mine = ours[i];
    if (partners[i] == nullptr) {
      ++out.only_ours;
      continue;
    }
    --out.only_base;
    const SgpRecord& other = *partners[i];
    if (mine.error || other.error) {
      ++out.not_asked;
      continue;
    }
    if (mine.prompt_hash != other.prompt_hash) ++out.other_prompt;
    all.add(mine.score, other.score);
    splits[mine.split].add(mine.score, other.score);
    if (!mine.subject.empty()) subjects[mine.split][mine.subject].add(mine.score, other.score);
    if (mine.score != other.score) {
      out.changed.push_back({mine.split, mine.id, mine.subject, mine.extracted, other.extracted,
                             mine.score, other.score});
    }
  }
  out.rows.push_back(all.row(""));
  for (const auto& [split, all_subjects] : splits) {
    out.rows.push_back(all_subjects.row(split));
    for (const auto& [subject, pairs] : subjects[split]) {
      out.rows.push_back(pairs.row(split + "/" + subject));
    }
  }
  return out;
}

bool sgp_gate_missed(std::string_view name, double percent, const SgpPaired& row) {
  if (row.name != name || row.count == 0) return false;
  // In hundredths of a question; the bound is off by the rounding of `percent` and of the product.
  const double change = 100.0 * static_cast<double>(row.gained - row.lost);
  const double bound = percent * static_cast<double>(row.count);
  constexpr double kRounding = 1e-12;
  return change < bound - kRounding * std::abs(bound);
}

}  // namespace lathe
