#include "sgp/duplicates.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <vector>

#include "lathe/host/records.h"

#include "base/escape.h"

namespace lathe {
namespace {

// The question's number by a hash of what makes it that one.
struct Hashed {
  std::uint64_t hash = 0;
  std::size_t place = 0;

  bool operator<(const Hashed& other) const {
    return hash != other.hash ? hash < other.hash : place < other.place;
  }
};

bool are_same(const SgpQuestion& a, const SgpQuestion& b) {
  return a.split == b.split && a.subject == b.subject && a.id == b.id && a.question == b.question;
}

Failure failure_of(const SgpQuestion& later, const SgpQuestion& earlier) {
  return {ErrorCode::kInvalid,
          fmt::format("{}, row {}: the question with the id {} occurs before, in {}, row {}",
                      quoted(later.file), later.row, quoted(later.id), quoted(earlier.file),
                      earlier.row)};
}

}  // namespace

void refuse_duplicate_questions(SgpQuestions& questions) {
  std::vector<Hashed> hashes;
  hashes.reserve(questions.size());
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const SgpQuestion q = questions[i];
    if (!q.error) hashes.push_back({hash_parts({q.split, q.subject, q.id, q.question}), i});
  }
  std::sort(hashes.begin(), hashes.end());
  std::map<std::size_t, Failure> refused;
  for (std::size_t begin = 0; begin < hashes.size();) {
    std::size_t end = begin + 1;
    while (end < hashes.size() && hashes[end].hash == hashes[begin].hash) ++end;
    const SgpQuestion first = end > begin + 1 ? questions[hashes[begin].place] : SgpQuestion();
    for (std::size_t i = begin + 1; i < end; ++i) {
      const SgpQuestion later = questions[hashes[i].place];
      if (are_same(first, later)) refused[hashes[i].place] = failure_of(later, first);
    }
    begin = end;
  }
  if (refused.empty()) return;
  SgpQuestions out;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    SgpQuestion q = questions[i];
    if (const auto at = refused.find(i); at != refused.end()) {
      q.error = at->second;
      q.question = {};
      q.answer = {};
      q.options = {};
    }
    out.push_back(q);
  }
  questions = std::move(out);
}

}  // namespace lathe
