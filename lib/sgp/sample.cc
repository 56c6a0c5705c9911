#include "sgp/sample.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>
#include <unordered_map>
#include <vector>
#include <xxhash.h>

namespace lathe {
namespace {

struct Rank {
  XXH64_hash_t first = 0, second = 0;
  std::size_t place = 0;

  bool operator<(const Rank& other) const {
    return std::tie(first, second, place) < std::tie(other.first, other.second, other.place);
  }
};

XXH64_hash_t hash(const std::string& text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

// Ids are numbered within a subject: the subject decides among those that are the same.
Rank rank_of(const SgpQuestion& q, std::size_t place, std::uint64_t seed) {
  const bool numbered = q.id == fmt::format("{}-{}", q.split, q.row);
  const std::string id = numbered ? fmt::format("-{}", q.row) : q.id;
  return {hash(id, seed), hash(q.subject, seed), place};
}

std::vector<bool> first_ones(const SgpQuestions& questions, std::size_t limit) {
  std::vector<bool> keep(questions.size());
  std::unordered_map<std::string, std::size_t> count;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion q = questions[i];
    std::size_t& n = count[q.split];
    keep[i] = n < limit;
    if (!q.error) ++n;
  }
  return keep;
}

std::vector<bool> drawn_ones(const SgpQuestions& questions, std::size_t limit, std::uint64_t seed) {
  std::vector<bool> keep(questions.size(), true);
  std::unordered_map<std::string, std::vector<Rank>> splits;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion q = questions[i];
    if (!q.error) splits[q.split].push_back(rank_of(q, i, seed));
  }
  for (auto& [split, ranks] : splits) {
    std::sort(ranks.begin(), ranks.end());
    for (std::size_t i = limit; i < ranks.size(); ++i) keep[ranks[i].place] = false;
  }
  return keep;
}

}  // namespace

SgpQuestions sample_sgp_questions(const SgpQuestions& questions, std::int64_t limit,
                                  std::optional<std::uint64_t> seed) {
  const auto most = static_cast<std::size_t>(limit);
  const std::vector<bool> keep =
      seed ? drawn_ones(questions, most, *seed) : first_ones(questions, most);
  SgpQuestions out;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (keep[i]) out.push_back(questions[i]);
  }
  return out;
}

}  // namespace lathe
