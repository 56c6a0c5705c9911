#include "sgp/svg/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <system_error>

namespace lathe::svg {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr int kMaxDigits = 9;

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<Number> read_number(std::string_view text) {
  std::size_t at = 0;
  const bool plus = !text.empty() && text[0] == '+';
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) ++at;
  const bool whole = at < text.size() && is_digit(text[at]);
  const bool part = at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1]);
  if (!whole && !part) return std::nullopt;  // from_chars would take "inf" and "nan"

  Number out;
  const char* begin = text.data() + (plus ? 1 : 0);
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), out.value);
  if (error != std::errc() || !std::isfinite(out.value)) return std::nullopt;
  out.length = static_cast<std::size_t>(end - text.data());

  const std::string_view taken = text.substr(0, out.length);
  const std::size_t exponent = taken.find_first_of("eE");
  const std::string_view mantissa = taken.substr(0, exponent);
  if (const std::size_t point = mantissa.find('.'); point != std::string_view::npos) {
    out.decimals = static_cast<int>(mantissa.size() - point - 1);
  }
  if (exponent != std::string_view::npos) out.decimals = decimals_of(out.value);
  out.decimals = std::clamp(out.decimals, 0, kMaxDigits);
  return out;
}

std::string short_number(double value, int digits) {
  std::string text = fmt::format("{:.{}f}", value, std::clamp(digits, 0, kMaxDigits));
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

double rounded(double value, int digits) {
  const std::string text = short_number(value, digits);
  double out = value;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

int decimals_of(double value) {
  for (int digits = 0; digits < kMaxDigits; ++digits) {
    if (std::abs(rounded(value, digits) - value) <= 1e-9) return digits;
  }
  return kMaxDigits;
}

bool is_number_list(std::string_view text) {
  while (true) {
    while (!text.empty() && is_separator(text.front())) text.remove_prefix(1);
    if (text.empty()) return true;
    const auto number = read_number(text);
    if (!number) return false;
    text.remove_prefix(number->length);
  }
}

int digits_for_step(double step) {
  if (!(step > 0.0)) return kMaxDigits;
  // Half a unit of the last digit is the error.
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step))), 0, kMaxDigits);
}

std::optional<Length> read_length(std::string_view text, double percent) {
  text = trimmed(text);
  const auto number = read_number(text);
  if (!number) return std::nullopt;
  Length out;
  out.number = *number;
  out.suffix = text.substr(number->length);
  constexpr double kInch = 96.0;  // CSS: 96 px
  if (out.suffix.empty() || out.suffix == "px") {
    out.unit = 1.0;
  } else if (out.suffix == "in") {
    out.unit = kInch;
  } else if (out.suffix == "cm") {
    out.unit = kInch / 2.54;
  } else if (out.suffix == "mm") {
    out.unit = kInch / 25.4;
  } else if (out.suffix == "pt") {
    out.unit = kInch / 72.0;
  } else if (out.suffix == "pc") {
    out.unit = kInch / 6.0;
  } else if (out.suffix == "%" && percent > 0.0) {
    out.unit = percent;
  } else {
    return std::nullopt;
  }
  return out;
}

}  // namespace lathe::svg
