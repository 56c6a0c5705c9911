#include "tokenizer/jinja/operation.h"

#include <array>
#include <utility>

#include "base/fail.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

Binary::Operator operator_of(std::string_view symbol) {
  static constexpr std::array<std::pair<std::string_view, Binary::Operator>, 7> kOperators = {{
      {"+", add},
      {"-", subtract},
      {"*", multiply},
      {"/", divide},
      {"//", floor_divide},
      {"%", modulo},
      {"**", power},
  }};
  for (const auto& [name, function] : kOperators) {
    if (name == symbol) return function;
  }
  fail(ErrorCode::kBug, "no operator {}", symbol);
}

bool holds_for(Runtime& runtime, Comparison comparison, const Value& a, const Value& b) {
  switch (comparison) {
    case Comparison::kEqual:
      return equal(runtime, a, b);
    case Comparison::kNotEqual:
      return !equal(runtime, a, b);
    case Comparison::kLess:
      return less(runtime, a, b);
    case Comparison::kLessEqual:
      return less_equal(runtime, a, b);
    case Comparison::kGreater:
      return less(runtime, b, a);
    case Comparison::kGreaterEqual:
      return less_equal(runtime, b, a);
    case Comparison::kIn:
      return contains(runtime, b, a);
    case Comparison::kNotIn:
      return !contains(runtime, b, a);
  }
  return false;
}

}  // namespace

Binary::Binary(int line, std::string_view symbol, ExpressionPtr left, ExpressionPtr right)
    : Expression(line),
      operator_(operator_of(symbol)),
      left_(std::move(left)),
      right_(std::move(right)) {
  holds(left_);
  holds(right_);
}

Value Binary::evaluate(Frame& frame) const {
  const Value left = frame.evaluate(*left_);
  const Value right = frame.evaluate(*right_);
  return operator_(frame.runtime, left, right);
}

Sign::Sign(int line, bool minus, ExpressionPtr operand)
    : Expression(line), minus_(minus), operand_(std::move(operand)) {
  holds(operand_);
}

Value Sign::evaluate(Frame& frame) const {
  const Value value = frame.evaluate(*operand_);
  return minus_ ? negate(frame.runtime, value) : plus(frame.runtime, value);
}

Not::Not(int line, ExpressionPtr operand) : Expression(line), operand_(std::move(operand)) {
  holds(operand_);
}

Value Not::evaluate(Frame& frame) const {
  return Value::boolean(!truth(frame.evaluate(*operand_)));
}

Logical::Logical(int line, bool is_and, ExpressionPtr left, ExpressionPtr right)
    : Expression(line), is_and_(is_and), left_(std::move(left)), right_(std::move(right)) {
  holds(left_);
  holds(right_);
}

Value Logical::evaluate(Frame& frame) const {
  Value left = frame.evaluate(*left_);
  return truth(left) == is_and_ ? frame.evaluate(*right_) : left;
}

Concatenation::Concatenation(int line, std::vector<ExpressionPtr> parts)
    : Expression(line), parts_(std::move(parts)) {
  holds(parts_);
}

Value Concatenation::evaluate(Frame& frame) const {
  Text out;
  for (const ExpressionPtr& part : parts_) {
    const Text text = to_text(frame.runtime, frame.evaluate(*part));
    frame.runtime.heap().expect(out.size() + text.size());
    out.append(text);
  }
  return frame.runtime.string(std::move(out));
}

Compare::Compare(int line, ExpressionPtr first, std::vector<Step> steps)
    : Expression(line), first_(std::move(first)), steps_(std::move(steps)) {
  holds(first_);
  for (const Step& step : steps_) holds(step.operand);
}

Value Compare::evaluate(Frame& frame) const {
  Value left = frame.evaluate(*first_);
  for (const Step& step : steps_) {
    Value right = frame.evaluate(*step.operand);
    if (!holds_for(frame.runtime, step.comparison, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

}  // namespace lathe::jinja
