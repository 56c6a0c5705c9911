#include "constraint/json_numbers.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"

namespace lathe {
namespace {

constexpr std::size_t kMostDigits = 400;
constexpr std::uint32_t kWholeDigits = 20, kFractionDigits = 17, kExactDigits = 15;

int compare_magnitudes(const Decimal& a, const Decimal& b) noexcept {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  const int whole = a.whole.compare(b.whole);
  if (whole != 0) return whole < 0 ? -1 : 1;
  const int fraction = a.fraction.compare(b.fraction);
  return fraction < 0 ? -1 : fraction > 0 ? 1 : 0;
}

// Magnitudes between two bounds.
class Magnitudes {
 public:
  Magnitudes(Rules& rules, const NumberBound& low, const std::optional<NumberBound>& high,
             bool whole)
      : rules_(rules), low_(low), high_(high), whole_(whole) {
    std::uint32_t before = static_cast<std::uint32_t>(low.value.whole.size());
    if (high) before = std::max(before, static_cast<std::uint32_t>(high->value.whole.size()));
    const bool exclusive = low.exclusive || (high && high->exclusive);
    tail_ = exclusive ? kExactDigits - std::min(kExactDigits, before) : kFractionDigits;
  }

  NodeId node() {
    const std::string a = low_.value.whole;
    if (!high_) {
      std::vector<NodeId> parts{at_low()};
      parts.push_back(wholes_above(a, kWholeDigits + a.size()));
      return rules_.choice(parts);
    }
    const std::string b = high_->value.whole;
    if (a == b) return rules_.sequence({digits(a), fraction(true, true)});
    std::vector<NodeId> parts{at_low(), rules_.sequence({digits(b), fraction(false, true)})};
    // Whole parts strictly between: longer than a's and shorter than b's, or within either length.
    if (a.size() == b.size()) {
      parts.push_back(between(a, b, 0));
    } else {
      parts.push_back(above(a, 0));
      if (b.size() > a.size() + 1) {
        parts.push_back(of_lengths(a.size() + 1, b.size() - 1));
      }
      parts.push_back(below(b, 0));
    }
    return rules_.choice(parts);
  }

 private:
  NodeId at_low() { return rules_.sequence({digits(low_.value.whole), fraction(true, false)}); }
  // A whole part; 0 has a digit of its own.
  NodeId digits(const std::string& whole) { return rules_.text(whole.empty() ? "0" : whole); }
  NodeId digit(char first, char last) {
    return rules_.byte(static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last));
  }
  NodeId any(std::uint32_t min, std::uint32_t max) {
    return rules_.repeat(digit('0', '9'), min, max);
  }
  NodeId any_fraction() {
    if (whole_ || tail_ == 0) return rules_.empty();
    return rules_.optional(rules_.sequence({rules_.text("."), any(1, tail_)}));
  }
  NodeId of_lengths(std::size_t first, std::size_t last) {
    if (first == 0) first = 1;  // 0 itself is never strictly above
    return rules_.sequence(
        {digit('1', '9'),
         any(static_cast<std::uint32_t>(first - 1), static_cast<std::uint32_t>(last - 1)),
         any_fraction()});
  }
  NodeId wholes_above(const std::string& a, std::size_t longest) {
    return rules_.choice({above(a, 0), of_lengths(a.size() + 1, longest)});
  }
  static char first_of(std::size_t i) { return i == 0 ? '1' : '0'; }

  // Whole parts of the same length that are larger, from digit i on.
  NodeId above(const std::string& a, std::size_t i) {
    if (i == a.size()) return rules_.nothing();
    std::vector<NodeId> parts;
    const auto rest = static_cast<std::uint32_t>(a.size() - i - 1);
    if (a[i] < '9') {
      parts.push_back(rules_.sequence(
          {digit(static_cast<char>(a[i] + 1), '9'), any(rest, rest), any_fraction()}));
    }
    parts.push_back(rules_.sequence({digit(a[i], a[i]), above(a, i + 1)}));
    return rules_.choice(parts);
  }
  NodeId below(const std::string& b, std::size_t i) {
    if (i == b.size()) return rules_.nothing();
    std::vector<NodeId> parts;
    const auto rest = static_cast<std::uint32_t>(b.size() - i - 1);
    if (b[i] > first_of(i)) {
      parts.push_back(rules_.sequence(
          {digit(first_of(i), static_cast<char>(b[i] - 1)), any(rest, rest), any_fraction()}));
    }
    parts.push_back(rules_.sequence({digit(b[i], b[i]), below(b, i + 1)}));
    return rules_.choice(parts);
  }
  NodeId between(const std::string& a, const std::string& b, std::size_t i) {
    if (i == a.size()) return rules_.nothing();
    if (a[i] == b[i]) return rules_.sequence({digit(a[i], a[i]), between(a, b, i + 1)});
    std::vector<NodeId> parts;
    const auto rest = static_cast<std::uint32_t>(a.size() - i - 1);
    parts.push_back(rules_.sequence({digit(a[i], a[i]), above(a, i + 1)}));
    if (a[i] + 1 < b[i]) {
      parts.push_back(
          rules_.sequence({digit(static_cast<char>(a[i] + 1), static_cast<char>(b[i] - 1)),
                           any(rest, rest), any_fraction()}));
    }
    parts.push_back(rules_.sequence({digit(b[i], b[i]), below(b, i + 1)}));
    return rules_.choice(parts);
  }

  // ---- fractions: digits behind the point, which are not there where they may be none

  struct Digits {
    bool none = false;  // may end here
    NodeId some = 0;    // or go on with at least a digit
  };

  NodeId fraction(bool from_low, bool to_high) {
    const Digits d = range(from_low ? &low_.value.fraction : nullptr,
                           to_high ? &high_->value.fraction : nullptr, 0);
    std::vector<NodeId> parts;
    if (d.none) parts.push_back(rules_.empty());
    if (!whole_) parts.push_back(rules_.sequence({rules_.text("."), d.some}));
    return rules_.choice(parts);
  }

  std::uint32_t left(std::size_t i) const {
    return tail_ > i ? tail_ - static_cast<std::uint32_t>(i) : 0;
  }
  static char at(const std::string& digits, std::size_t i) {
    return i < digits.size() ? digits[i] : '0';
  }

  // Digits from i on, where what came before is that of each bound that still matters.
  Digits range(const std::string* low, const std::string* high, std::size_t i) {
    const bool low_ends = low == nullptr || i >= low->size();
    const bool high_ends = high == nullptr || i >= high->size();
    Digits out;
    // To end here is to go on with zeros.
    out.none = (low_ends && !(low != nullptr && low_.exclusive)) &&
               !(high != nullptr && high_ends && high_->exclusive);
    if (low == nullptr && high == nullptr) {
      out.some = left(i) > 0 ? any(1, left(i)) : rules_.nothing();
      return out;
    }
    if (i >= kMostDigits || (low_ends && high_ends && left(i) == 0)) {
      out.some = rules_.nothing();
      return out;
    }
    const char a = low != nullptr ? at(*low, i) : '0', b = high != nullptr ? at(*high, i) : '9';
    std::vector<NodeId> parts;
    const auto go = [&](char first, char last, const Digits& rest) {
      std::vector<NodeId> ends;
      if (rest.none) ends.push_back(rules_.empty());
      ends.push_back(rest.some);
      parts.push_back(rules_.sequence({digit(first, last), rules_.choice(ends)}));
    };
    const auto open = [&](char first, char last) {
      if (first > last) return;
      parts.push_back(rules_.sequence(
          {digit(first, last), left(i + 1) > 0 ? any(0, left(i + 1)) : rules_.empty()}));
    };
    if (low != nullptr && high != nullptr) {
      if (a == b) {
        go(a, a, range(low, high, i + 1));
      } else if (a < b) {
        go(a, a, range(low, nullptr, i + 1));
        open(static_cast<char>(a + 1), static_cast<char>(b - 1));
        go(b, b, range(nullptr, high, i + 1));
      }
    } else if (low != nullptr) {
      go(a, a, range(low, nullptr, i + 1));
      open(static_cast<char>(a + 1), '9');
    } else {
      open('0', static_cast<char>(b - 1));
      go(b, b, range(nullptr, high, i + 1));
    }
    out.some = rules_.choice(parts);
    return out;
  }

  Rules& rules_;
  NumberBound low_;
  std::optional<NumberBound> high_;
  bool whole_;
  std::uint32_t tail_ = 0;
};

// Of whole numbers the bounds are whole, and part of the range.
void round_up(NumberBound& bound) {
  const bool fraction = !bound.value.fraction.empty();
  bound.value.fraction.clear();
  if (!fraction && !bound.exclusive) return;
  bound.exclusive = false;
  std::string& digits = bound.value.whole;
  std::size_t i = digits.size();
  while (i > 0 && digits[i - 1] == '9') digits[--i] = '0';
  if (i > 0) {
    ++digits[i - 1];
  } else {
    digits.insert(0, 1, '1');
  }
}

void round_down(NumberBound& bound, bool& none) {
  const bool fraction = !bound.value.fraction.empty();
  bound.value.fraction.clear();
  const bool exclusive = bound.exclusive && !fraction;
  bound.exclusive = false;
  if (!exclusive) return;
  std::string& digits = bound.value.whole;
  if (digits.empty()) {
    none = true;
    return;
  }
  std::size_t i = digits.size();
  while (digits[i - 1] == '0') digits[--i] = '9';
  --digits[i - 1];
  if (digits.front() == '0') digits.erase(0, 1);
}

NodeId magnitudes(Rules& rules, NumberBound low, std::optional<NumberBound> high, bool whole) {
  low.value.negative = false;
  if (high) high->value.negative = false;
  if (whole) {
    bool none = false;
    round_up(low);
    if (high) round_down(*high, none);
    if (none) return rules.nothing();
  }
  if (high) {
    const int order = compare_magnitudes(low.value, high->value);
    if (order > 0 || (order == 0 && (low.exclusive || high->exclusive))) return rules.nothing();
  }
  return Magnitudes(rules, low, high, whole).node();
}

}  // namespace

std::optional<Decimal> Decimal::of(std::string_view text) {
  Decimal out;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  long exponent = 0;
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    const bool negative = digits.starts_with('-');
    if (digits.starts_with('-') || digits.starts_with('+')) digits.remove_prefix(1);
    for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), 100000L);
    if (negative) exponent = -exponent;
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  out.whole = text.substr(0, point);
  if (point != std::string_view::npos) out.fraction = text.substr(point + 1);
  if (static_cast<std::size_t>(std::abs(exponent)) + text.size() > kMostDigits) return std::nullopt;
  for (; exponent > 0; --exponent) {
    out.whole.push_back(out.fraction.empty() ? '0' : out.fraction.front());
    if (!out.fraction.empty()) out.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    out.fraction.insert(0, 1, out.whole.empty() ? '0' : out.whole.back());
    if (!out.whole.empty()) out.whole.pop_back();
  }
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  while (out.fraction.ends_with('0')) out.fraction.pop_back();
  if (out.is_zero()) out.negative = false;
  return out;
}

int compare(const Decimal& a, const Decimal& b) noexcept {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

NodeId bounded_number(Rules& rules, const std::optional<NumberBound>& low,
                      const std::optional<NumberBound>& high, bool whole) {
  const Decimal zero;
  const NumberBound from_zero{zero, false};
  std::vector<NodeId> parts;
  // Below zero.
  if (!low || low->value.negative) {
    NumberBound nearest = from_zero;
    if (high && compare(high->value, zero) <= 0) nearest = *high;
    parts.push_back(rules.sequence({rules.text("-"), magnitudes(rules, nearest, low, whole)}));
  }
  // Zero and above.
  if (!high || !high->value.negative) {
    const bool above = low && !low->value.negative;
    parts.push_back(magnitudes(rules, above ? *low : from_zero, high, whole));
  }
  return rules.choice(parts);
}

}  // namespace lathe
