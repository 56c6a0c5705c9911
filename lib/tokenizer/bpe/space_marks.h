// How tokenizer.json files turn spaces into U+2581.
#pragma once

#include <string>

#include "base/json.h"
#include "tokenizer/spm/model.h"

namespace lathe {

// The normalizer that makes every space a mark.
inline bool is_space_to_mark(const JsonView& normalizer) {
  const auto pattern = normalizer.find("pattern");
  return normalizer.at("type").as_string() == "Replace" && pattern && pattern->is_object() &&
         pattern->get_string("String") == " " &&
         normalizer.get_string("content") == std::string(kSpaceMark);
}

// A cut at spaces, which cuts nothing after all of them have become marks (Gemma's files).
inline bool cuts_at_spaces(const JsonView& pre_tokenizer) {
  const auto pattern = pre_tokenizer.find("pattern");
  return pre_tokenizer.at("type").as_string() == "Split" && pattern && pattern->is_object() &&
         pattern->get_string("String") == " ";
}

}  // namespace lathe
