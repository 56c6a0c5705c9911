#include "tokenizer/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/jinja/literal.h"
#include "tokenizer/unicode.h"

namespace lathe::jinja {
namespace {

// Every line end becomes "\n", and the last one of the text goes.
std::string normalize_newlines(const std::string& source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] != '\r') {
      out += source[at];
    } else if (at + 1 == source.size() || source[at + 1] != '\n') {
      out += '\n';
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::size_t space_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_space(c.code)) break;
    at += c.length;
  }
  return at;
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty()) {
    std::size_t size = 0;
    if (!is_space(char_before(text, text.size(), size))) break;
    text.remove_suffix(size);
  }
  return text;
}

// Longer ones first.
constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

class Lexer {
 public:
  explicit Lexer(const std::string& source) : source_(normalize_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_data();
    add(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool follows(std::string_view text) const { return rest().starts_with(text); }

  [[noreturn]] void fail_here(std::string_view what) const {
    fail_invalid("line {}: {}", line_, what);
  }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(std::size_t bytes) {
    const std::string_view passed = rest().substr(0, bytes);
    line_ += static_cast<int>(std::ranges::count(passed, '\n'));
    if (!passed.empty()) line_starts_ = passed.back() == '\n';
    at_ += bytes;
  }

  // The text up to the next tag, then the tag.
  void read_data() {
    const std::string_view text = rest();
    std::size_t end = 0;
    for (; end < text.size(); ++end) {
      if (text[end] == '{' && end + 1 < text.size() &&
          (text[end + 1] == '{' || text[end + 1] == '%' || text[end + 1] == '#')) {
        break;
      }
    }
    if (end == text.size()) {
      add(TokenKind::kData, std::string(text));
      return advance(end);
    }
    const char kind = text[end + 1];
    const char sign = end + 2 < text.size() ? text[end + 2] : ' ';
    add_data(text.substr(0, end), sign, kind != '{');
    advance(end + 2);
    if (sign == '-' || sign == '+') advance(1);
    if (kind == '#') return read_comment();
    if (kind == '{') return read_tag(TokenKind::kVariableBegin);
    if (const std::size_t raw = word_tag_length("raw", false); raw > 0) return read_raw(raw);
    read_tag(TokenKind::kBlockBegin);
  }

  // Text in front of a tag that begins with `sign`.
  void add_data(std::string_view text, char sign, bool strips_line) {
    if (sign == '-') {
      text = without_trailing_space(text);
    } else if (sign != '+' && strips_line) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
      if ((begin > 0 || line_starts_) && space_length(text.substr(begin)) == text.size() - begin) {
        text = text.substr(0, begin);
      }
    }
    if (!text.empty()) add(TokenKind::kData, std::string(text));
  }

  // Bytes that a tag's end takes when it ends with `sign` and `close` here: white space after
  // "-", one newline after a tag without a sign (where `trims`).
  void close_tag(char sign, std::size_t length, bool trims) {
    advance(length);
    if (sign == '-') {
      advance(space_length(rest()));
    } else if (sign != '+' && trims && follows("\n")) {
      advance(1);
    }
  }

  void read_comment() {
    const std::size_t end = rest().find("#}");
    if (end == std::string_view::npos) fail_here("a comment has no end; \"#}\" is missing");
    const char sign = end == 0 ? ' ' : rest()[end - 1];
    close_tag(sign, end + 2, true);
  }

  // Bytes of `word`, with what closes its tag, when it stands here behind "{%": 0 when not.
  std::size_t word_tag_length(std::string_view word, bool allows_plus) const {
    const std::string_view text = rest();
    std::size_t at = space_length(text);
    if (!text.substr(at).starts_with(word)) return 0;
    at += word.size();
    at += space_length(text.substr(at));
    if (text.substr(at).starts_with("%}")) return at + 2;
    if (text.substr(at).starts_with("-%}")) return at + 3;
    return allows_plus && text.substr(at).starts_with("+%}") ? at + 3 : 0;
  }

  void read_raw(std::size_t tag_length) {
    close_tag(rest()[tag_length - 3], tag_length, false);
    const std::string_view text = rest();
    for (std::size_t end = text.find("{%"); end != std::string_view::npos;
         end = text.find("{%", end + 1)) {
      const char sign = end + 2 < text.size() ? text[end + 2] : ' ';
      const std::size_t begin = end + (sign == '-' || sign == '+' ? 3 : 2);
      const std::size_t before = at_;
      at_ += begin;
      const std::size_t length = word_tag_length("endraw", true);
      at_ = before;
      if (length == 0) continue;
      add_data(text.substr(0, end), sign, true);
      advance(begin);
      return close_tag(rest()[length - 3], length, true);
    }
    fail_here("\"raw\" has no end; {% endraw %} is missing");
  }

  // Expressions, up to "}}" or "%}" outside of brackets.
  void read_tag(TokenKind begin) {
    const bool block = begin == TokenKind::kBlockBegin;
    const std::string_view close = block ? "%}" : "}}";
    add(begin, {});
    std::string brackets;  // that are open: what closes them
    while (true) {
      if (brackets.empty()) {
        const bool signs = follows("-") || (block && follows("+"));
        if (rest().substr(signs ? 1 : 0).starts_with(close)) {
          add(block ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
          return close_tag(signs ? rest().front() : ' ', close.size() + (signs ? 1 : 0), block);
        }
      }
      if (const std::size_t space = space_length(rest()); space > 0) {
        advance(space);
        continue;
      }
      if (rest().empty())
        fail_here(block ? "a tag has no end; \"%}\" is missing"
                        : "a tag has no end; \"}}\" is missing");
      read_token(brackets);
    }
  }

  void read_token(std::string& brackets) {
    const std::string_view text = rest();
    const char c = text.front();
    if (c == '\'' || c == '"') return read_string(c);
    if (is_ascii_digit(c)) return read_digits();
    std::size_t name = 0;
    while (name < text.size()) {
      const Utf8Char next = decode_utf8(text.substr(name));
      if (!is_word(next.code)) break;
      name += next.length;
    }
    if (name > 0) {
      add(TokenKind::kName, std::string(text.substr(0, name)));
      return advance(name);
    }
    const auto found = std::ranges::find_if(
        kOperators, [text](std::string_view symbol) { return text.starts_with(symbol); });
    if (found == kOperators.end()) {
      const Utf8Char next = decode_utf8(text);
      fail_here(fmt::format("unexpected character {}", quoted(text.substr(0, next.length))));
    }
    balance(*found, brackets);
    add(TokenKind::kOperator, std::string(*found));
    advance(found->size());
  }

  void balance(std::string_view symbol, std::string& brackets) const {
    const char c = symbol.front();
    if (symbol.size() > 1) return;
    if (c == '(' || c == '[' || c == '{') {
      brackets += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (brackets.empty()) fail_here(fmt::format("unexpected \"{}\"", c));
      if (brackets.back() != c) {
        fail_here(fmt::format("\"{}\" where \"{}\" is expected", c, brackets.back()));
      }
      brackets.pop_back();
    }
  }

  void read_string(char quote) {
    const std::string_view text = rest();
    std::size_t end = 1;
    while (end < text.size() && text[end] != quote) end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) fail_here("a string has no end");
    std::string value;
    try {
      value = unescape(text.substr(1, end - 1));
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("line {}: {}", line_, error.message()));
    }
    add(TokenKind::kString, std::move(value));
    advance(end + 1);
  }

  void read_digits() {
    const bool after_dot =
        !tokens_.empty() && tokens_.back().is_operator(".") && at_ > 0 && source_[at_ - 1] == '.';
    const NumberLiteral number = read_number(rest(), after_dot);
    add(number.is_float ? TokenKind::kFloat : TokenKind::kInteger, number.digits);
    advance(number.length);
  }

  std::string source_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // what was read last ended a line
  std::vector<Token> tokens_;
};

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "text outside of a tag";
    case TokenKind::kVariableBegin:
      return "\"{{\"";
    case TokenKind::kVariableEnd:
      return "\"}}\"";
    case TokenKind::kBlockBegin:
      return "\"{%\"";
    case TokenKind::kBlockEnd:
      return "the end of the tag";
    case TokenKind::kString:
      return "a string";
    case TokenKind::kEnd:
      return "the end of the template";
    default:
      return quoted(token.text);
  }
}

std::vector<Token> tokenize(const std::string& source) { return Lexer(source).run(); }

}  // namespace lathe::jinja
