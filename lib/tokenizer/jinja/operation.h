// Expressions with operators.
#pragma once

#include <string_view>
#include <vector>

#include "tokenizer/jinja/expression.h"

namespace lathe::jinja {

// a + b, with any of + - * / // % **
class Binary final : public Expression {
 public:
  using Operator = Value (*)(Runtime&, const Value&, const Value&);
  // `symbol` is one of those above.
  Binary(int line, std::string_view symbol, ExpressionPtr left, ExpressionPtr right);
  Value evaluate(Frame& frame) const override;

 private:
  Operator operator_;
  ExpressionPtr left_, right_;
};

// -a and +a
class Sign final : public Expression {
 public:
  Sign(int line, bool minus, ExpressionPtr operand);
  Value evaluate(Frame& frame) const override;

 private:
  bool minus_;
  ExpressionPtr operand_;
};

// not a
class Not final : public Expression {
 public:
  Not(int line, ExpressionPtr operand);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr operand_;
};

// a and b, a or b: one of the operands, as in Python
class Logical final : public Expression {
 public:
  Logical(int line, bool is_and, ExpressionPtr left, ExpressionPtr right);
  Value evaluate(Frame& frame) const override;

 private:
  bool is_and_;
  ExpressionPtr left_, right_;
};

// a ~ b ~ c
class Concatenation final : public Expression {
 public:
  Concatenation(int line, std::vector<ExpressionPtr> parts);
  Value evaluate(Frame& frame) const override;

 private:
  std::vector<ExpressionPtr> parts_;
};

enum class Comparison {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn
};

// a < b <= c: true when each holds; nothing after the first that does not is evaluated
class Compare final : public Expression {
 public:
  struct Step {
    Comparison comparison;
    ExpressionPtr operand;
  };
  Compare(int line, ExpressionPtr first, std::vector<Step> steps);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr first_;
  std::vector<Step> steps_;
};

}  // namespace lathe::jinja
