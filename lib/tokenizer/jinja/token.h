// What a template's text consists of for the parser.
#pragma once

#include <cstdint>
#include <string>

namespace lathe::jinja {

enum class TokenKind : std::uint8_t {
  kData,           // text outside of tags
  kVariableBegin,  // {{
  kVariableEnd,    // }}
  kBlockBegin,     // {%
  kBlockEnd,       // %}
  kName,
  kString,    // text: its value
  kInteger,   // text: decimal digits
  kFloat,     // text: what std::strtod reads
  kOperator,  // text: "+", "==", "(", ...
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  int line = 1;

  bool is(TokenKind k, std::string_view t) const { return kind == k && text == t; }
  bool is_operator(std::string_view t) const { return is(TokenKind::kOperator, t); }
  bool is_name(std::string_view t) const { return is(TokenKind::kName, t); }
};

// How the token stands in a message.
std::string describe(const Token& token);

}  // namespace lathe::jinja
