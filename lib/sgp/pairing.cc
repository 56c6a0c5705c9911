#include "sgp/pairing.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

namespace lathe {
namespace {

std::string key_of(const SgpRecord& record) {
  return record.split + '\0' + record.subject + '\0' + record.id;
}

// Subject and id, without the split in an id that was made of the row's number ("inv_t0-7").
std::string key_in_set(const SgpRecord& record) {
  std::string id = record.id;
  if (id.starts_with(record.split + '-')) id.erase(0, record.split.size());
  return record.subject + '\0' + id;
}

using Set = std::vector<const SgpRecord*>;

// Each record under its key and how many with that key came before.
std::map<std::string, const SgpRecord*> by_key(const Set& set) {
  std::unordered_map<std::string, std::size_t> seen;
  std::map<std::string, const SgpRecord*> out;
  for (const SgpRecord* record : set) {
    const std::string key = key_in_set(*record);
    out.emplace(key + '\0' + std::to_string(seen[key]++), record);
  }
  return out;
}

}  // namespace

std::vector<const SgpRecord*> partners_of(std::span<const SgpRecord> ours,
                                          std::span<const SgpRecord> theirs) {
  std::unordered_map<std::string, Set> open;
  for (const SgpRecord& record : theirs) open[key_of(record)].push_back(&record);
  std::vector<const SgpRecord*> partners(ours.size());
  const auto take = [&](std::size_t i, bool same_prompt) {
    const auto at = open.find(key_of(ours[i]));
    if (partners[i] != nullptr || at == open.end()) return;
    const auto found = std::find_if(at->second.begin(), at->second.end(), [&](const auto* other) {
      return !same_prompt || other->prompt_hash == ours[i].prompt_hash;
    });
    if (found == at->second.end()) return;
    partners[i] = *found;
    at->second.erase(found);
  };
  for (const bool same_prompt : {true, false}) {
    for (std::size_t i = 0; i < ours.size(); ++i) take(i, same_prompt);
  }
  return partners;
}

std::vector<Set> align_sets(std::span<const Set> sets) {
  std::vector<Set> out;
  if (sets.empty()) return out;
  const Set& first = sets.front();
  std::vector<std::map<std::string, const SgpRecord*>> keyed;
  for (const Set& set : sets) keyed.push_back(by_key(set));
  for (const auto& [key, record] : keyed.front()) {
    Set row;
    for (const auto& set : keyed) {
      if (const auto found = set.find(key); found != set.end()) row.push_back(found->second);
    }
    if (row.size() == sets.size()) out.push_back(std::move(row));
  }
  if (!out.empty()) return out;
  // No id in common: the sets number their rows each in its own way.
  const bool same_size = std::all_of(sets.begin(), sets.end(),
                                     [&](const Set& set) { return set.size() == first.size(); });
  for (std::size_t i = 0; same_size && i < first.size(); ++i) {
    Set row;
    for (const Set& set : sets) row.push_back(set[i]);
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace lathe
