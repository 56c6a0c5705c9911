// Where a text that grows comes to a place at which it can be judged (lathe/answer_check.h says
// which places there are).
//
// The result does not depend on how the text grows.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lathe/answer_check.h"

#include "base/regex.h"

namespace lathe {

class TextBoundaries {
 public:
  // Throws as check_places().
  explicit TextBoundaries(const CheckPlaces& places);

  // `text` is all of it, whole characters, of which a beginning was seen before. The last boundary
  // in what is new, as bytes of the text before it.
  std::optional<std::size_t> follow(std::string_view text);
  // The text begins anew.
  void clear();

 private:
  std::optional<std::size_t> lines(std::string_view text) const;
  std::optional<std::size_t> sentences(std::string_view text);
  std::optional<std::size_t> statements(std::string_view text);
  std::optional<std::size_t> matches(std::string_view text);

  CheckPlaces::Kind kind_;
  std::optional<Regex> regex_;
  std::optional<RegexScratch> scratch_;
  std::size_t seen_ = 0;
  // Sentences: behind what may end one; 0 is nowhere.
  std::size_t end_ = 0;
  // Statements.
  int open_ = 0;    // brackets
  char quote_ = 0;  // what closes the quotation that is open
  bool escaped_ = false;
  char before_ = '\n';  // the last character
};

}  // namespace lathe
