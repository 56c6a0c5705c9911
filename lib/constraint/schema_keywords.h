// What this program does with each keyword of JSON Schema.
#pragma once

#include <optional>
#include <string_view>

namespace lathe {

enum class KeywordUse {
  kEnforced,
  kAnnotation,   // restricts nothing; so do words that no draft of JSON Schema knows
  kUnsupported,  // restricts in some draft, and is not enforced
};

KeywordUse use_of_keyword(std::string_view keyword);

// The keyword that somebody may have meant who wrote a word that is none.
std::optional<std::string_view> keyword_like(std::string_view word);

}  // namespace lathe
