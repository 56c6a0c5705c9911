#include "tokenizer/jinja/format_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/ascii.h"
#include "base/checked.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

// Digits after the point beyond which nothing changes but the number of zeros.
constexpr std::int64_t kMaxPrecision = 4000;

bool is_align(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

// Takes a number off the front of `spec`; -1 when there is none.
std::int64_t take_number(std::string_view& spec) {
  std::int64_t out = -1;
  while (!spec.empty() && is_ascii_digit(spec.front())) {
    const auto scaled = checked_mul<std::int64_t>(std::max<std::int64_t>(out, 0), 10);
    const auto sum = scaled ? checked_add<std::int64_t>(*scaled, spec.front() - '0') : scaled;
    if (!sum) fail_invalid("a format's width is too large");
    out = *sum;
    spec.remove_prefix(1);
  }
  return out;
}

bool take(std::string_view& spec, char c) {
  if (!spec.starts_with(c)) return false;
  spec.remove_prefix(1);
  return true;
}

void take_fill_and_align(std::string_view& spec, FormatSpec& out) {
  if (spec.empty()) return;
  const std::size_t first = decode_utf8(spec).length;
  if (first < spec.size() && is_align(spec[first])) {
    out.fill = spec.substr(0, first);
    out.align = spec[first];
    spec.remove_prefix(first + 1);
  } else if (is_align(spec.front())) {
    out.align = spec.front();
    spec.remove_prefix(1);
  }
}

std::string sign_of(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

std::string radix_digits(std::uint64_t value, unsigned radix, bool upper) {
  std::string out;
  do {
    const char digit = "0123456789abcdef"[value % radix];
    out += upper ? to_upper_ascii(digit) : digit;
    value /= radix;
  } while (value != 0);
  std::ranges::reverse(out);
  return out;
}

std::string grouped(const std::string& digits, char separator, std::size_t every) {
  const std::size_t whole =
      std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (std::size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out + digits.substr(whole);
}

std::string print_c(char type, bool alternate, int precision, double value) {
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + type;
  const int length = std::snprintf(nullptr, 0, format.c_str(), precision, value);
  std::string out(static_cast<std::size_t>(std::max(length, 0)) + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), precision, value);
  out.pop_back();
  return out;
}

// A float without a type: as "g", but one digit stands behind the point at least.
std::string general_digits(double value, std::int64_t precision) {
  if (precision < 0) return float_text(value);
  const int digits = static_cast<int>(std::max<std::int64_t>(precision, 1));
  const std::string scientific = print_c('e', false, digits - 1, value);
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  if (exponent >= -4 && exponent < digits - 1) {
    std::string out = print_c('g', false, digits, value);
    if (out.find_first_of(".e") == std::string::npos) out += ".0";
    return out;
  }
  std::string mantissa = scientific.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.ends_with('.')) mantissa.pop_back();
  }
  return mantissa + scientific.substr(e);
}

Text format_string(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  if ((spec.type != 0 && spec.type != 's') || spec.align == '=' || spec.sign != '-' ||
      spec.alternate || spec.grouping != 0) {
    fail_invalid("a string's format takes fill, width and precision only");
  }
  const StringObject& string = value.as_string();
  const std::size_t length =
      spec.precision < 0 ? string.length
                         : std::min(string.length, static_cast<std::size_t>(spec.precision));
  return padded_to(runtime, string.characters(0, length), spec, '<');
}

Text format_integer(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  if (spec.type == 'c') {
    if (value.as_integer() < 0 || value.as_integer() > 0x10ffff ||
        (value.as_integer() >= 0xd800 && value.as_integer() < 0xe000)) {
      fail_invalid("{} is no character", value.as_integer());
    }
    std::string out;
    append_utf8(static_cast<char32_t>(value.as_integer()), out);
    return padded_to(runtime, Text(out), spec, '<');
  }
  if (spec.precision >= 0) fail_invalid("an integer's format takes no precision");
  const std::string digits = integer_digits(value.as_integer(), spec);
  const std::size_t sign = digits.find_first_of("0123456789abcdefABCDEF");
  const std::size_t prefix = spec.alternate && spec.type != 0 && spec.type != 'd' ? 2 : 0;
  return padded_to(runtime, Text(digits), spec, '>', sign + prefix);
}

}  // namespace

FormatSpec parse_format_spec(std::string_view spec) {
  FormatSpec out;
  std::string_view rest = spec;
  take_fill_and_align(rest, out);
  if (!rest.empty() && (rest[0] == '+' || rest[0] == '-' || rest[0] == ' ')) {
    out.sign = rest[0];
    rest.remove_prefix(1);
  }
  out.alternate = take(rest, '#');
  out.zero = out.fill.empty() && take(rest, '0');
  out.width = std::max<std::int64_t>(take_number(rest), 0);
  if (take(rest, ',')) out.grouping = ',';
  if (take(rest, '_')) out.grouping = '_';
  if (take(rest, '.')) {
    out.precision = take_number(rest);
    if (out.precision < 0) fail_invalid("the format {} lacks its precision", quoted(spec));
    if (out.precision > kMaxPrecision) fail_invalid("the format {} is too precise", quoted(spec));
  }
  if (rest.size() == 1) {
    out.type = rest.front();
    rest.remove_prefix(1);
  }
  if (!rest.empty()) fail_invalid("{} is no format", quoted(spec));
  return out;
}

std::string integer_digits(std::int64_t value, const FormatSpec& spec) {
  const std::uint64_t magnitude =
      value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  const char type = spec.type == 0 || spec.type == 'n' ? 'd' : spec.type;
  const unsigned radix = type == 'd' ? 10 : type == 'b' ? 2 : type == 'o' ? 8 : 16;
  std::string digits = radix_digits(magnitude, radix, type == 'X');
  if (spec.grouping != 0) digits = grouped(digits, spec.grouping, radix == 10 ? 3 : 4);
  if (spec.alternate && radix != 10) digits = std::string("0") + type + digits;
  return sign_of(value < 0, spec.sign) + digits;
}

std::string float_digits(double value, const FormatSpec& spec) {
  const std::string sign = sign_of(std::signbit(value) && !std::isnan(value), spec.sign);
  const double magnitude = std::fabs(value);
  const char type = spec.type == '%' ? 'f' : spec.type == 'n' ? 'g' : spec.type;
  std::string digits;
  if (!std::isfinite(value)) {
    digits = std::isnan(value) ? "nan" : "inf";
    if (type == 'E' || type == 'F' || type == 'G')
      std::ranges::transform(digits, digits.begin(), [](char c) { return to_upper_ascii(c); });
  } else if (type == 0) {
    digits = general_digits(magnitude, spec.precision);
  } else {
    const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
    digits =
        print_c(type, spec.alternate, precision, spec.type == '%' ? magnitude * 100 : magnitude);
  }
  if (spec.grouping != 0 && std::isfinite(value)) digits = grouped(digits, spec.grouping, 3);
  return sign + digits + (spec.type == '%' ? "%" : "");
}

Text padded_to(Runtime& runtime, Text text, const FormatSpec& spec, char align,
               std::size_t sign_length) {
  if (spec.zero && align == '>') align = '=';
  if (spec.align != 0) align = spec.align;
  const Text fill(!spec.fill.empty() ? spec.fill : spec.zero ? "0" : " ");
  const std::size_t length = character_count(text.view());
  const auto width = static_cast<std::size_t>(spec.width);
  if (width <= length) return text;
  const std::size_t missing = width - length;
  const std::size_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const std::size_t head = align == '=' ? sign_length : 0;
  Text out = text.slice(0, head);
  out.append(filled(runtime, fill, left));
  out.append(text, head, text.size());
  out.append(filled(runtime, fill, missing - left));
  return out;
}

Text format_value(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  if (value.is_string()) return format_string(runtime, value, spec);
  if (!value.is_number()) {
    fail_invalid("a format specification does not go with {}", type_name(value));
  }
  constexpr std::string_view kInteger = "bcdoxXn", kFloat = "eEfFgGn%";
  const bool as_float = !value.is_integer() || (spec.type != 0 && spec.type != 'n' &&
                                                kFloat.find(spec.type) != kFloat.npos);
  if (spec.type != 0 && (as_float ? kFloat : kInteger).find(spec.type) == kFloat.npos) {
    fail_invalid("the format type {} does not go with {}", quoted(std::string(1, spec.type)),
                 type_name(value));
  }
  if (!as_float) return format_integer(runtime, value, spec);
  const std::string digits = float_digits(value.as_number(), spec);
  const std::size_t sign = std::min(digits.find_first_of("0123456789ni"), digits.size());
  return padded_to(runtime, Text(digits), spec, '>', sign);
}

}  // namespace lathe::jinja
