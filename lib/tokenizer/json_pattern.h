// {"String": ...} or {"Regex": ...}, as Replace and Split have it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/regex.h"
#include "tokenizer/growth.h"

namespace lathe {

struct TextPattern {
  std::string literal;  // when there is no regex
  std::optional<Regex> regex;

  // Replaces every match; an empty literal matches nothing. Throws kLimit when the text would
  // grow by more than `growth` allows.
  void replace_all(std::string& text, std::string_view content, RegexScratch& scratch,
                   Growth& growth) const;
};

TextPattern read_pattern(const JsonView& value, const std::string& file);

}  // namespace lathe
