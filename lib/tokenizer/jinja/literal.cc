#include "tokenizer/jinja/literal.h"

#include <cstdint>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe::jinja {
namespace {

int digit_value(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = to_lower_ascii(c);
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 36;
}

// Appends the character of an escape that gives its code in `count` hexadecimal digits.
void append_code(std::string_view digits, std::size_t count, char kind, std::string& out) {
  std::uint32_t code = 0;
  std::size_t seen = 0;
  for (; seen < count && seen < digits.size() && digit_value(digits[seen]) < 16; ++seen) {
    code = code * 16 + static_cast<std::uint32_t>(digit_value(digits[seen]));
  }
  if (seen < count) fail_invalid("a string has \\{} with fewer than {} digits", kind, count);
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    fail_invalid("a string has \\{}{}, which is no character", kind, digits.substr(0, count));
  }
  append_utf8(code, out);
}

// One escape; returns how many bytes after the backslash it takes, 0 when it is none.
std::size_t append_escape(std::string_view rest, std::string& out) {
  const char c = rest.front();
  static constexpr std::string_view kFrom = "\\'\"abfnrtv";
  static constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
  if (const std::size_t at = kFrom.find(c); at != std::string_view::npos) {
    out += kTo[at];
    return 1;
  }
  if (c == '\n') return 1;
  if (c >= '0' && c <= '7') {
    std::uint32_t code = 0;
    std::size_t length = 0;
    for (; length < 3 && length < rest.size() && rest[length] >= '0' && rest[length] <= '7';
         ++length) {
      code = code * 8 + static_cast<std::uint32_t>(rest[length] - '0');
    }
    append_utf8(code, out);
    return length;
  }
  if (c == 'N') fail_unsupported("a string has an escape by a character's name, \\N{{...}}");
  const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits == 0) return 0;
  append_code(rest.substr(1), digits, c, out);
  return 1 + digits;
}

// Digits of `base` with single underscores between them; length 0 when there are none.
std::size_t digits_length(std::string_view text, int base) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (digit_value(text[at]) < base) {
      ++at;
    } else if (at > 0 && text[at] == '_' && at + 1 < text.size() &&
               digit_value(text[at + 1]) < base) {
      at += 2;
    } else {
      break;
    }
  }
  return at;
}

std::string decimal(std::string_view digits, int base) {
  std::int64_t value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    const auto scaled = checked_mul<std::int64_t>(value, base);
    const auto sum = scaled ? checked_add<std::int64_t>(*scaled, digit_value(c)) : std::nullopt;
    if (!sum) fail_unsupported("the integer {} needs more than 64 bits", quoted(digits));
    value = *sum;
  }
  return std::to_string(value);
}

// Bytes of an exponent ("e-5") at the beginning of `text`.
std::size_t exponent_length(std::string_view text) {
  if (text.empty() || to_lower_ascii(text.front()) != 'e') return 0;
  const std::size_t sign = text.size() > 1 && (text[1] == '+' || text[1] == '-') ? 1 : 0;
  const std::size_t digits = digits_length(text.substr(1 + sign), 10);
  return digits == 0 ? 0 : 1 + sign + digits;
}

// Bytes of a float at the beginning of `text`.
std::size_t float_length(std::string_view text) {
  const std::size_t whole = digits_length(text, 10);
  if (whole == 0) return 0;
  std::size_t fraction = 0;
  if (whole < text.size() && text[whole] == '.') {
    const std::size_t digits = digits_length(text.substr(whole + 1), 10);
    if (digits > 0) fraction = 1 + digits;
  }
  const std::size_t exponent = exponent_length(text.substr(whole + fraction));
  return fraction + exponent == 0 ? 0 : whole + fraction + exponent;
}

}  // namespace

std::string unescape(std::string_view body) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); ++at) {
    if (body[at] != '\\' || at + 1 == body.size()) {
      out += body[at];
      continue;
    }
    const std::size_t taken = append_escape(body.substr(at + 1), out);
    if (taken == 0) out += '\\';  // no escape: it stays, and so does what follows
    at += taken;
  }
  return out;
}

NumberLiteral read_number(std::string_view text, bool after_dot) {
  NumberLiteral out;
  if (!after_dot) {
    out.length = float_length(text);
    if (out.length > 0) {
      out.is_float = true;
      for (const char c : text.substr(0, out.length)) {
        if (c != '_') out.digits += c;
      }
      return out;
    }
  }
  const char kind = text.size() > 2 && text[0] == '0' ? to_lower_ascii(text[1]) : ' ';
  const int base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 10;
  if (base != 10) {
    const std::size_t skip = text[2] == '_' ? 3 : 2;
    const std::size_t digits = digits_length(text.substr(skip), base);
    if (digits > 0) {
      out.length = skip + digits;
      out.digits = decimal(text.substr(skip, digits), base);
      return out;
    }
  }
  std::size_t length = digits_length(text, 10);
  // Python has no 007: a zero is followed by zeros only.
  if (length > 1 && text[0] == '0') {
    std::size_t zeros = 0;
    while (zeros < length && (text[zeros] == '0' || text[zeros] == '_')) ++zeros;
    if (text[zeros - 1] == '_') --zeros;
    length = zeros;
  }
  out.length = length;
  out.digits = decimal(text.substr(0, length), 10);
  return out;
}

}  // namespace lathe::jinja
