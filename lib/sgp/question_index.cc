#include "sgp/question_index.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <utility>
#include <xxhash.h>

namespace lathe {
namespace {

std::uint64_t hash(std::string_view name) { return XXH3_64bits(name.data(), name.size()); }

}  // namespace

SgpQuestionIndex::SgpQuestionIndex(const SgpQuestions& questions) : questions_(questions) {
  for (std::vector<Key>& keys : keys_) keys.reserve(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion question = questions[i];
    if (question.error) continue;
    for (const Kind kind : {kId, kSplitId, kWhole}) {
      keys_[kind].push_back({hash(name_of(kind, question)), i});
    }
  }
  for (std::vector<Key>& keys : keys_) std::sort(keys.begin(), keys.end());
}

std::string SgpQuestionIndex::name_of(Kind kind, const SgpQuestion& q) {
  if (kind == kId) return q.id;
  if (kind == kSplitId || q.subject.empty()) return fmt::format("{}/{}", q.split, q.id);
  return fmt::format("{}/{}/{}", q.split, q.subject, q.id);
}

std::pair<const SgpQuestionIndex::Key*, const SgpQuestionIndex::Key*> SgpQuestionIndex::range(
    Kind kind, std::string_view name) const {
  const std::vector<Key>& keys = keys_[kind];
  const auto found = std::equal_range(keys.begin(), keys.end(), Key{hash(name), 0},
                                      [](const Key& a, const Key& b) { return a.hash < b.hash; });
  const Key* const first = keys.data() + (found.first - keys.begin());
  return {first, first + (found.second - found.first)};
}

std::string SgpQuestionIndex::prompt_id(std::size_t place, const SgpQuestion& question) const {
  for (const Kind kind : {kId, kSplitId, kWhole}) {
    std::string name = name_of(kind, question);
    const auto [begin, end] = range(kind, name);
    if (end - begin <= 1) return name;
    if (kind != kWhole) continue;
    const auto before = std::count_if(begin, end, [&](const Key& k) { return k.place < place; });
    return before == 0 ? name : fmt::format("{}#{}", name, before + 1);
  }
  return {};
}

std::vector<std::size_t> SgpQuestionIndex::find(std::string_view id, std::string_view split,
                                                std::string_view subject) const {
  SgpQuestion wanted;
  wanted.id = id;
  wanted.split = split;
  wanted.subject = subject;
  const Kind kind = split.empty() ? kId : subject.empty() ? kSplitId : kWhole;
  const auto [begin, end] = range(kind, name_of(kind, wanted));
  std::vector<std::size_t> places;
  for (const Key* key = begin; key != end; ++key) {
    const SgpQuestion q = questions_[key->place];
    if (q.id == id && (split.empty() || q.split == split) &&
        (subject.empty() || q.subject == subject)) {
      places.push_back(key->place);
    }
  }
  return places;
}

std::vector<std::size_t> SgpQuestionIndex::find_name(std::string_view name) const {
  for (const Kind kind : {kId, kSplitId, kWhole}) {
    const auto [begin, end] = range(kind, name);
    std::vector<std::size_t> places;
    for (const Key* key = begin; key != end; ++key) {
      if (name_of(kind, questions_[key->place]) == name) places.push_back(key->place);
    }
    // "a/b#2" is the second one's name, "a/b" the first one's.
    if (kind == kWhole && places.size() > 1) return {places.front()};
    if (!places.empty()) return places;
  }
  const std::size_t mark = name.rfind('#');
  if (mark == std::string_view::npos) return {};
  std::size_t number = 0;
  const std::string_view digits = name.substr(mark + 1);
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || last != digits.data() + digits.size() || number < 2) return {};
  const auto [begin, end] = range(kWhole, name.substr(0, mark));
  if (std::cmp_greater(number, end - begin)) return {};
  return {begin[number - 1].place};
}

}  // namespace lathe
