// Numbers in SVG text: read as SVG's grammar has them, written short.
//
// Free functions without state: thread-safe. Nothing here throws.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lathe::svg {

struct Number {
  double value = 0.0;
  std::size_t length = 0;  // bytes of text
  int decimals = 0;        // digits after the point that the text gives, exponent included
};

inline bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}
inline bool is_separator(char c) { return is_space(c) || c == ','; }
std::string_view trimmed(std::string_view text);

// The number that `text` begins with; nothing for none, or for one outside double's range.
std::optional<Number> read_number(std::string_view text);

// At most `digits` (0..9) after the point, no trailing zeros, never "-0".
std::string short_number(double value, int digits);
// What a reader of short_number(value, digits) sees.
double rounded(double value, int digits);
// The fewest digits after the point that give `value` to 1e-9; at most 9.
int decimals_of(double value);

// A list of numbers with spaces or commas between; nothing when anything else is in it.
bool is_number_list(std::string_view text);

// How many digits after the point make an error of at most `step`.
int digits_for_step(double step);

// A length: a number and its unit in user units (px).
struct Length {
  Number number;
  double unit = 1.0;  // user units per unit of the number
  std::string_view suffix;
  double value() const { return number.value * unit; }
};
// `percent` is what 1 % is in user units, 0 when that isn't known. Nothing for em, ex and other
// units that depend on a font, and for what is no length.
std::optional<Length> read_length(std::string_view text, double percent);

}  // namespace lathe::svg
