#include "tokenizer/jinja/parse_number.h"

#include <cstdlib>
#include <string>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"
#include "tokenizer/unicode.h"

namespace lathe::jinja {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!is_space(c.code)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    std::size_t size = 0;
    if (!is_space(char_before(text, text.size(), size))) break;
    text.remove_suffix(size);
  }
  return text;
}

// Without underscores, each of which must stand between two digits (or letters, in base 36).
std::optional<std::string> without_underscores(std::string_view text) {
  const auto joins = [](char c) { return is_ascii_digit(c) || is_ascii_letter(c); };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !joins(text[i - 1]) || !joins(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

std::int64_t prefix_base(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  const char kind = to_lower_ascii(text[1]);
  return kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) fail_invalid("int has no base {}", base);
  text = trimmed(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (const std::int64_t named = prefix_base(text); named != 0 && (base == 0 || base == named)) {
    base = named;
    text.remove_prefix(text.size() > 2 && text[2] == '_' ? 3 : 2);
  }
  if (base == 0) base = 10;
  const auto digits = without_underscores(text);
  if (!digits || digits->empty()) return std::nullopt;
  std::optional<std::int64_t> out = 0;
  for (const char c : *digits) {
    const char lower = to_lower_ascii(c);
    const int digit = is_ascii_digit(c) ? c - '0' : is_ascii_letter(c) ? lower - 'a' + 10 : 99;
    if (digit >= base) return std::nullopt;
    if (out) out = checked_mul<std::int64_t>(*out, base);
    if (out) out = checked_add<std::int64_t>(*out, negative ? -digit : digit);
  }
  if (!out) fail_unsupported("a number needs an integer of more than 64 bits");
  return out;
}

std::optional<double> parse_float(std::string_view text) {
  const auto digits = without_underscores(trimmed(text));
  if (!digits || digits->empty()) return std::nullopt;
  const std::string lower = to_lower_ascii(*digits);
  std::string_view word = lower;
  if (word.front() == '+' || word.front() == '-') word.remove_prefix(1);
  const bool named = word == "inf" || word == "infinity" || word == "nan";
  if (!named && word.find_first_not_of("0123456789.e+-") != std::string_view::npos) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(lower.c_str(), &end);
  return end == lower.c_str() + lower.size() ? std::optional(value) : std::nullopt;
}

}  // namespace lathe::jinja
