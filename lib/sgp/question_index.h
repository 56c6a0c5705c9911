// Finding questions by what they are called, and calling them by names that only one has.
//
// A question has up to four names: its id, SPLIT/ID, SPLIT/SUBJECT/ID and, where several share
// even that, SPLIT/SUBJECT/ID#2 and so on, in the data's order. Rows with an error have none.
// Thread-safe once it is made.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/sgp/question.h"

namespace lathe {

class SgpQuestionIndex {
 public:
  // `questions` must outlive this.
  explicit SgpQuestionIndex(const SgpQuestions& questions);

  // The shortest name of questions[place] that no other question has.
  std::string prompt_id(std::size_t place, const SgpQuestion& question) const;

  // The places, ascending, of the questions of that id; "" for a split or subject that is not
  // known.
  std::vector<std::size_t> find(std::string_view id, std::string_view split,
                                std::string_view subject) const;
  // Those that `name` is a name of.
  std::vector<std::size_t> find_name(std::string_view name) const;

 private:
  enum Kind : std::size_t { kId, kSplitId, kWhole, kKinds };
  struct Key {
    std::uint64_t hash = 0;
    std::size_t place = 0;
    bool operator<(const Key& other) const {
      return hash != other.hash ? hash < other.hash : place < other.place;
    }
  };

  static std::string name_of(Kind kind, const SgpQuestion& question);
  // Places of the questions whose name of that kind has this hash; a range of keys_[kind].
  std::pair<const Key*, const Key*> range(Kind kind, std::string_view name) const;

  const SgpQuestions& questions_;
  std::array<std::vector<Key>, kKinds> keys_;  // sorted
};

}  // namespace lathe
