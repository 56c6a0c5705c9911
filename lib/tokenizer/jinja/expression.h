// Expressions of a template as a tree that evaluates itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizer/jinja/frame.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

class Expression {
 public:
  explicit Expression(int line) : line(line) {}
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;
  virtual ~Expression() = default;

  // Called by Frame::evaluate() only, which counts steps and depth.
  virtual Value evaluate(Frame& frame) const = 0;

  const int line;
  // Levels of expressions in it, itself included.
  int height() const noexcept { return height_; }

 protected:
  // Each constructor tells what it holds. Throws kLimit when the tree gets too high.
  const ExpressionPtr& holds(const ExpressionPtr& child);
  void holds(const std::vector<ExpressionPtr>& children);

 private:
  int height_ = 1;
};

class Constant final : public Expression {
 public:
  Constant(int line, Value value) : Expression(line), value_(std::move(value)) {}
  Value evaluate(Frame&) const override { return value_; }
  const Value& value() const noexcept { return value_; }

 private:
  Value value_;
};

class Name final : public Expression {
 public:
  Name(int line, Symbol symbol, std::string name)
      : Expression(line), symbol(symbol), name(std::move(name)) {}
  Value evaluate(Frame& frame) const override;

  const Symbol symbol;
  const std::string name;
};

// [a, b] and (a, b)
class Sequence final : public Expression {
 public:
  Sequence(int line, std::vector<ExpressionPtr> items, bool tuple);
  Value evaluate(Frame& frame) const override;

 private:
  std::vector<ExpressionPtr> items_;
  bool tuple_;
};

// {a: b}
class Dictionary final : public Expression {
 public:
  Dictionary(int line, std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries);
  Value evaluate(Frame& frame) const override;

 private:
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries_;
};

// object.name
class Attribute final : public Expression {
 public:
  Attribute(int line, ExpressionPtr object, std::string name);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr object_;
  std::string name_;
};

// object[key]
class Subscript final : public Expression {
 public:
  Subscript(int line, ExpressionPtr object, ExpressionPtr key);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr object_, key_;
};

// object[begin:end:step]; each may be absent
class Slice final : public Expression {
 public:
  Slice(int line, ExpressionPtr object, std::vector<ExpressionPtr> bounds);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr object_;
  std::vector<ExpressionPtr> bounds_;
};

// then if test else otherwise; `otherwise` may be absent
class Conditional final : public Expression {
 public:
  Conditional(int line, ExpressionPtr test, ExpressionPtr then, ExpressionPtr otherwise);
  Value evaluate(Frame& frame) const override;

 private:
  ExpressionPtr test_, then_, otherwise_;
};

}  // namespace lathe::jinja
