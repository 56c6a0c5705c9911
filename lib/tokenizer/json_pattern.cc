#include "tokenizer/json_pattern.h"

#include <nlohmann/json.hpp>

namespace lathe {

void TextPattern::replace_all(std::string& text, std::string_view content, RegexScratch& scratch,
                              Growth& growth) const {
  std::string out;
  std::size_t done = 0;
  const auto replace = [&](std::size_t begin, std::size_t end) {
    growth.change(end - begin, content.size());
    out.append(text, done, begin - done);
    out += content;
    done = end;
  };
  if (regex) {
    RegexMatches matches(*regex, text, scratch);
    Regex::Match match;
    while (matches.next(match)) {
      replace(match.begin, match.end);
    }
  } else if (!literal.empty()) {
    for (std::size_t at = text.find(literal); at != std::string::npos;
         at = text.find(literal, done)) {
      replace(at, at + literal.size());
    }
  }
  if (done == 0 && out.empty()) return;
  out.append(text, done);
  text = std::move(out);
}

TextPattern read_pattern(const JsonView& value, const std::string& file) {
  TextPattern pattern;
  if (value.is_string()) {
    pattern.literal = value.as_string();
  } else if (const auto literal = value.get_string("String")) {
    pattern.literal = *literal;
  } else if (const auto regex = value.get_string("Regex")) {
    pattern.regex.emplace(*regex, file);
  } else {
    value.fail_here("is neither a \"String\" nor a \"Regex\"");
  }
  return pattern;
}

}  // namespace lathe
