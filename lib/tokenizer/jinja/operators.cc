#include "tokenizer/jinja/operators.h"

#include <cmath>
#include <cstdint>
#include <optional>

#include "base/checked.h"
#include "base/fail.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/markup.h"
#include "tokenizer/jinja/percent_format.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

[[noreturn]] void fail_operands(const char* symbol, const Value& a, const Value& b) {
  fail_invalid("{} does not take {} and {}", symbol, type_name(a), type_name(b));
}

Value checked(const std::optional<std::int64_t>& result) {
  if (!result) fail_unsupported("a result needs an integer of more than 64 bits");
  return Value::integer(*result);
}

// Both are numbers, or it fails.
void require_numbers(const char* symbol, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (!a.is_number() || !b.is_number()) fail_operands(symbol, a, b);
}

bool integers(const Value& a, const Value& b) { return a.is_integer() && b.is_integer(); }

void require_divisor(const Value& b) {
  if (b.as_number() == 0) fail_invalid("division by zero");
}

// What Python's % of floats gives: it has the divisor's sign.
double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0) {
    if ((b < 0) != (rest < 0)) rest += b;
  } else {
    rest = std::copysign(0.0, b);
  }
  return rest;
}

double float_floor_divide(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value joined(Runtime& runtime, const Value& a, const Value& b) {
  runtime.heap().expect(a.text().size() + b.text().size());
  if (!a.is_markup() && !b.is_markup()) {
    Text out = a.text();
    out.append(b.text());
    return runtime.string(std::move(out));
  }
  Text out = a.is_markup() ? a.text() : escaped_markup(a.text());
  out.append(b.is_markup() ? b.text() : escaped_markup(b.text()));
  return runtime.like(a.is_markup() ? a : b, std::move(out));
}

Value chained(Runtime& runtime, const Value& a, const Value& b) {
  runtime.heap().expect((a.items().size() + b.items().size()) * sizeof(Value));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return a.kind() == Kind::kList ? runtime.list(std::move(items)) : runtime.tuple(std::move(items));
}

Value repeated(Runtime& runtime, const Value& value, std::int64_t times) {
  const std::size_t count = times < 0 ? 0 : static_cast<std::size_t>(times);
  const bool string = value.is_string();
  const std::size_t size = string ? value.text().size() : value.items().size() * sizeof(Value);
  const auto bytes = checked_mul(size, count);
  runtime.heap().expect(bytes.value_or(SIZE_MAX));
  if (string) {
    Text out;
    for (std::size_t i = 0; i < count && size > 0; ++i) out.append(value.text());
    return runtime.like(value, std::move(out));
  }
  std::vector<Value> items;
  for (std::size_t i = 0; i < count && size > 0; ++i) {
    items.insert(items.end(), value.items().begin(), value.items().end());
  }
  return value.kind() == Kind::kList ? runtime.list(std::move(items))
                                     : runtime.tuple(std::move(items));
}

std::optional<std::int64_t> integer_power(std::int64_t base, std::int64_t exponent) {
  std::optional<std::int64_t> out = 1;
  while (exponent > 0 && out) {
    if (exponent & 1) out = checked_mul(*out, base);
    exponent >>= 1;
    if (exponent == 0) break;
    const auto squared = checked_mul(base, base);
    if (!squared) return std::nullopt;
    base = *squared;
  }
  return out;
}

}  // namespace

Value add(Runtime& runtime, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (integers(a, b)) return checked(checked_add(a.as_integer(), b.as_integer()));
  if (a.is_number() && b.is_number()) return Value::number(a.as_number() + b.as_number());
  if (a.is_string() && b.is_string()) return joined(runtime, a, b);
  if (a.is_sequence() && a.kind() == b.kind()) return chained(runtime, a, b);
  fail_operands("+", a, b);
}

Value subtract(Runtime&, const Value& a, const Value& b) {
  require_numbers("-", a, b);
  if (!integers(a, b)) return Value::number(a.as_number() - b.as_number());
  std::int64_t out = 0;
  if (__builtin_sub_overflow(a.as_integer(), b.as_integer(), &out)) return checked({});
  return Value::integer(out);
}

Value multiply(Runtime& runtime, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  if (integers(a, b)) return checked(checked_mul(a.as_integer(), b.as_integer()));
  if (a.is_number() && b.is_number()) return Value::number(a.as_number() * b.as_number());
  if ((a.is_string() || a.is_sequence()) && b.is_integer()) {
    return repeated(runtime, a, b.as_integer());
  }
  if ((b.is_string() || b.is_sequence()) && a.is_integer()) {
    return repeated(runtime, b, a.as_integer());
  }
  fail_operands("*", a, b);
}

Value divide(Runtime&, const Value& a, const Value& b) {
  require_numbers("/", a, b);
  require_divisor(b);
  return Value::number(a.as_number() / b.as_number());
}

Value floor_divide(Runtime&, const Value& a, const Value& b) {
  require_numbers("//", a, b);
  require_divisor(b);
  if (!integers(a, b)) return Value::number(float_floor_divide(a.as_number(), b.as_number()));
  const std::int64_t x = a.as_integer(), y = b.as_integer();
  if (x == INT64_MIN && y == -1) return checked({});
  return Value::integer(x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0));
}

Value modulo(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_string()) return percent_format(runtime, a, b);
  require_numbers("%", a, b);
  require_divisor(b);
  if (!integers(a, b)) return Value::number(float_modulo(a.as_number(), b.as_number()));
  const std::int64_t x = a.as_integer(), y = b.as_integer();
  if (y == -1) return Value::integer(0);
  const std::int64_t rest = x % y;
  return Value::integer(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
}

Value power(Runtime&, const Value& a, const Value& b) {
  require_numbers("**", a, b);
  if (integers(a, b) && b.as_integer() >= 0) {
    return checked(integer_power(a.as_integer(), b.as_integer()));
  }
  const double x = a.as_number(), y = b.as_number();
  if (x == 0 && y < 0) fail_invalid("0 cannot be raised to a negative power");
  const double out = std::pow(x, y);
  if (std::isnan(out) && !std::isnan(x) && !std::isnan(y)) {
    fail_unsupported("a result is a complex number");
  }
  if (std::isinf(out) && std::isfinite(x) && std::isfinite(y)) fail_invalid("** overflows");
  return Value::number(out);
}

Value negate(Runtime& runtime, const Value& a) {
  require_defined(a);
  if (a.is_integer()) return subtract(runtime, Value::integer(0), a);
  if (!a.is_number()) fail_invalid("- does not take {}", type_name(a));
  return Value::number(-a.as_number());
}

Value plus(Runtime&, const Value& a) {
  require_defined(a);
  if (a.is_integer()) return Value::integer(a.as_integer());
  if (!a.is_number()) fail_invalid("+ does not take {}", type_name(a));
  return a;
}

}  // namespace lathe::jinja
