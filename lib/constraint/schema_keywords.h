// What this program does with each keyword of JSON Schema.
#pragma once

#include <string_view>

namespace lathe {

enum class KeywordUse {
  kEnforced,
  kAnnotation,   // restricts nothing
  kUnsupported,  // restricts, and is not enforced; so are keywords that nobody knows
};

KeywordUse use_of_keyword(std::string_view keyword);

}  // namespace lathe
