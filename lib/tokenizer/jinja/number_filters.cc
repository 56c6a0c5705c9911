// Filters that make numbers, or round them.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/parse_number.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

Value truncated(double value) {
  constexpr double kTwo63 = 9223372036854775808.0;
  if (!(value >= -kTwo63 && value < kTwo63)) {
    fail_unsupported("{} needs an integer of more than 64 bits", float_text(value));
  }
  return Value::integer(static_cast<std::int64_t>(value));
}

Value to_integer(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("int", arguments, {"default", "base"});
  require_defined(value);
  if (value.is_integer()) return Value::integer(value.as_integer());
  std::optional<double> number;
  if (value.is_number()) number = value.as_number();
  if (value.is_string()) {
    const std::int64_t base = parameters.get_integer(1, 10);
    if (const auto whole = parse_integer(value.view(), base)) return Value::integer(*whole);
    number = parse_float(value.view());
  }
  if (number && std::isfinite(*number)) return truncated(*number);
  return parameters.get(0, Value::integer(0));
}

Value to_float(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("float", arguments, {"default"});
  require_defined(value);
  if (value.is_number()) return Value::number(value.as_number());
  if (value.is_string()) {
    if (const auto number = parse_float(value.view())) return Value::number(*number);
  }
  return parameters.get(0, Value::number(0));
}

Value absolute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("abs", arguments, {});
  require_defined(value);
  if (!value.is_number()) fail_invalid("abs does not take {}", type_name(value));
  if (!value.is_integer()) return Value::number(std::fabs(value.as_number()));
  return value.as_integer() < 0 ? negate(runtime, value) : Value::integer(value.as_integer());
}

// Half to even, of the value's exact decimal digits.
double rounded(double value, int precision) {
  if (!std::isfinite(value) || precision > 330) return value;
  if (precision >= 0) {
    char digits[700];
    std::snprintf(digits, sizeof digits, "%.*f", precision, value);
    return std::strtod(digits, nullptr);
  }
  const double unit = std::pow(10.0, -precision);
  return std::nearbyint(value / unit) * unit;
}

Value rounded_integer(std::int64_t value, std::int64_t precision) {
  if (precision >= 0) return Value::integer(value);
  if (precision < -18) return Value::integer(0);
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i > precision; --i) unit *= 10;
  std::int64_t whole = value / unit, rest = value % unit;
  if (rest < 0) {
    rest += unit;
    --whole;
  }
  if (rest * 2 > unit || (rest * 2 == unit && whole % 2 != 0)) ++whole;
  return Value::integer(whole * unit);
}

Value round(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters parameters("round", arguments, {"precision", "method"});
  require_defined(value);
  if (!value.is_number()) fail_invalid("round does not take {}", type_name(value));
  const std::int64_t precision = parameters.get_integer(0, 0);
  const std::string method =
      parameters.has(1) ? parameters.get_string(1).text().bytes() : std::string("common");
  if (method == "common") {
    if (value.is_integer()) return rounded_integer(value.as_integer(), precision);
    const auto digits = static_cast<int>(std::clamp<std::int64_t>(precision, -400, 400));
    return Value::number(rounded(value.as_number(), digits));
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.as_number() * unit;
  if (!std::isfinite(scaled)) fail_invalid("{} cannot be rounded so", float_text(scaled));
  // Adding 0 turns -0 into 0: in between stands an integer, which has no sign of zero.
  if (method == "ceil") return Value::number((std::ceil(scaled) + 0.0) / unit);
  if (method == "floor") return Value::number((std::floor(scaled) + 0.0) / unit);
  fail_invalid("round has the methods \"common\", \"ceil\" and \"floor\", not {}", quoted(method));
}

constexpr FilterEntry kFilters[] = {
    {"int", to_integer},
    {"float", to_float},
    {"abs", absolute},
    {"round", round},
};

}  // namespace

std::span<const FilterEntry> number_filters() { return kFilters; }

}  // namespace lathe::jinja
