#include "constraint/schema_keywords.h"

#include <algorithm>
#include <cctype>
#include <span>
#include <vector>

namespace lathe {
namespace {

constexpr std::string_view kEnforced[] = {
    "$ref",
    "$defs",
    "definitions",
    "$anchor",
    "allOf",
    "anyOf",
    "oneOf",
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "items",
    "prefixItems",
    "additionalItems",
    "additionalProperties",
    "patternProperties",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minProperties",
    "maxProperties",
    "propertyNames",
};

// Of drafts 3 to 2020-12, and OpenAPI's that change what a schema allows.
constexpr std::string_view kUnsupported[] = {
    "not",
    "if",
    "then",
    "else",
    "contains",
    "minContains",
    "maxContains",
    "uniqueItems",
    "multipleOf",
    "divisibleBy",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedItems",
    "unevaluatedProperties",
    "$dynamicRef",
    "$recursiveRef",
    "disallow",
    "extends",
    "nullable",
    "discriminator",
};

// Words that may be near others without being meant as those.
constexpr std::string_view kAnnotations[] = {
    "$schema",         "$id",           "id",       "$comment",         "$vocabulary",
    "$dynamicAnchor",  "title",         "default",  "examples",         "description",
    "deprecated",      "readOnly",      "readonly", "writeOnly",        "example",
    "contentEncoding", "contentSchema", "comment",  "contentMediaType", "options",
};

bool among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Letters that are left out, added, replaced or exchanged with their neighbour (Damerau's distance
// without further edits of what was exchanged).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + other});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

KeywordUse use_of_keyword(std::string_view keyword) {
  if (among(kEnforced, keyword)) return KeywordUse::kEnforced;
  return among(kUnsupported, keyword) ? KeywordUse::kUnsupported : KeywordUse::kAnnotation;
}

std::optional<std::string_view> keyword_like(std::string_view word) {
  constexpr std::size_t kShortest = 6, kLong = 10, kLongest = 30;
  const bool is_own = word.empty() || !std::isalpha(static_cast<unsigned char>(word.front())) ||
                      word.size() > kLongest || among(kAnnotations, word);
  if (is_own || use_of_keyword(word) != KeywordUse::kAnnotation) return std::nullopt;
  const auto near = [&](std::string_view keyword) {
    if (keyword.size() < kShortest) return false;
    return distance(word, keyword) <= (keyword.size() < kLong ? 1u : 2u);
  };
  for (const std::string_view keyword : kEnforced) {
    if (near(keyword)) return keyword;
  }
  return std::nullopt;
}

}  // namespace lathe
