#include "constraint/schema_keywords.h"

#include <algorithm>
#include <array>

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
    "additionalProperties",
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

constexpr std::string_view kAnnotations[] = {
    "$schema",   "$id",      "$comment",        "$vocabulary",      "title",
    "default",   "examples", "description",     "deprecated",       "readOnly",
    "writeOnly", "example",  "contentEncoding", "contentMediaType", "contentSchema",
};

}  // namespace

KeywordUse use_of_keyword(std::string_view keyword) {
  if (std::ranges::find(kEnforced, keyword) != std::end(kEnforced)) return KeywordUse::kEnforced;
  const bool annotation = keyword.starts_with("x-") ||
                          std::ranges::find(kAnnotations, keyword) != std::end(kAnnotations);
  return annotation ? KeywordUse::kAnnotation : KeywordUse::kUnsupported;
}

}  // namespace lathe
