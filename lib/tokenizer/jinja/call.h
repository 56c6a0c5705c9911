// Expressions that call: functions, filters and tests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tokenizer/jinja/expression.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/tests.h"

namespace lathe::jinja {

// (a, name=b, *c, **d)
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr star, double_star;  // may be absent

  Arguments evaluate(Frame& frame) const;
  std::vector<const ExpressionPtr*> all() const;
};

class Call final : public Expression {
 public:
  Call(int line, ExpressionPtr callee, CallArguments arguments);
  Value evaluate(Frame& frame) const override;
  // With one more argument by name: the body of a call block.
  Value evaluate_with(Frame& frame, const std::string& name, const Value& value) const;

 private:
  ExpressionPtr callee_;
  CallArguments arguments_;
};

// A filter and its arguments, without the value that it is applied to.
class FilterCall {
 public:
  FilterCall(std::string name, CallArguments arguments)
      : filter_(find_filter(name)), name_(std::move(name)), arguments_(std::move(arguments)) {}
  Value apply(Frame& frame, const Value& value) const;
  const CallArguments& arguments() const noexcept { return arguments_; }

 private:
  Filter filter_;  // null: none of that name, which matters only when it is applied
  std::string name_;
  CallArguments arguments_;
};

// value | name(arguments)
class Filtered final : public Expression {
 public:
  Filtered(int line, ExpressionPtr value, FilterCall filter);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr value_;
  FilterCall filter_;
};

// value is name(arguments)
class Tested final : public Expression {
 public:
  Tested(int line, ExpressionPtr value, std::string name, CallArguments arguments);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr value_;
  Test test_;  // null as in FilterCall
  std::string name_;
  CallArguments arguments_;
};

}  // namespace lathe::jinja
