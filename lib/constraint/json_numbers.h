// Numbers of JSON between bounds, as rules over their digits.
#pragma once

#include <optional>
#include <string>

#include "constraint/rules.h"

namespace lathe {

// A decimal number as it is written without an exponent: digits of the whole part without leading
// zeros ("" is 0) and of the fraction without trailing ones.
struct Decimal {
  bool negative = false;
  std::string whole, fraction;

  // Of a finite number of JSON, in any notation; nothing where it has more than 400 digits.
  static std::optional<Decimal> of(std::string_view text);
  bool is_zero() const noexcept { return whole.empty() && fraction.empty(); }
};
// -1, 0, 1.
int compare(const Decimal& a, const Decimal& b) noexcept;

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};

// Whole numbers, or all in decimal notation. At least one bound is there. The number has at most 20
// digits more than the bounds before the point, and 17 behind it (15 in all beside an exclusive
// bound, so that none is rounded to the bound).
NodeId bounded_number(Rules& rules, const std::optional<NumberBound>& low,
                      const std::optional<NumberBound>& high, bool whole);

}  // namespace lathe
