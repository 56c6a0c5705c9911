#include "tokenizer/jinja/expression.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/iterate.h"

namespace lathe::jinja {

const ExpressionPtr& Expression::holds(const ExpressionPtr& child) {
  if (child == nullptr) return child;
  height_ = std::max(height_, child->height() + 1);
  if (height_ > kMaxSyntaxDepth) {
    fail(ErrorCode::kLimit, "line {}: an expression has more than {} levels", line,
         kMaxSyntaxDepth);
  }
  return child;
}

void Expression::holds(const std::vector<ExpressionPtr>& children) {
  for (const ExpressionPtr& child : children) holds(child);
}

Value Name::evaluate(Frame& frame) const {
  if (const Value* value = frame.scope->find(symbol)) return *value;
  if (name == "self") fail_unsupported("\"self\" is not supported");
  return frame.runtime.undefined(fmt::format("{} is undefined", quoted(name)));
}

Sequence::Sequence(int line, std::vector<ExpressionPtr> items, bool tuple)
    : Expression(line), items_(std::move(items)), tuple_(tuple) {
  holds(items_);
}

Value Sequence::evaluate(Frame& frame) const {
  std::vector<Value> values;
  values.reserve(items_.size());
  for (const ExpressionPtr& item : items_) values.push_back(frame.evaluate(*item));
  return tuple_ ? frame.runtime.tuple(std::move(values)) : frame.runtime.list(std::move(values));
}

Dictionary::Dictionary(int line, std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries)
    : Expression(line), entries_(std::move(entries)) {
  for (const auto& [key, value] : entries_) {
    holds(key);
    holds(value);
  }
}

Value Dictionary::evaluate(Frame& frame) const {
  auto dict = std::make_shared<DictObject>(frame.runtime.heap());
  for (const auto& [key, value] : entries_) {
    const Value k = frame.evaluate(*key);
    dict->set(k, frame.evaluate(*value));
  }
  return Value::dict(std::move(dict));
}

Attribute::Attribute(int line, ExpressionPtr object, std::string name)
    : Expression(line), object_(std::move(object)), name_(std::move(name)) {
  holds(object_);
}

Value Attribute::evaluate(Frame& frame) const {
  return attribute_of(frame.runtime, frame.evaluate(*object_), name_);
}

Subscript::Subscript(int line, ExpressionPtr object, ExpressionPtr key)
    : Expression(line), object_(std::move(object)), key_(std::move(key)) {
  holds(object_);
  holds(key_);
}

Value Subscript::evaluate(Frame& frame) const {
  const Value object = frame.evaluate(*object_);
  return item_of(frame.runtime, object, frame.evaluate(*key_));
}

Slice::Slice(int line, ExpressionPtr object, std::vector<ExpressionPtr> bounds)
    : Expression(line), object_(std::move(object)), bounds_(std::move(bounds)) {
  holds(object_);
  holds(bounds_);
}

Value Slice::evaluate(Frame& frame) const {
  const Value object = frame.evaluate(*object_);
  std::vector<Value> bounds;
  for (const ExpressionPtr& bound : bounds_) {
    bounds.push_back(bound == nullptr ? Value() : frame.evaluate(*bound));
  }
  return slice_of(frame.runtime, object, bounds[0], bounds[1], bounds[2]);
}

Conditional::Conditional(int line, ExpressionPtr test, ExpressionPtr then, ExpressionPtr otherwise)
    : Expression(line),
      test_(std::move(test)),
      then_(std::move(then)),
      otherwise_(std::move(otherwise)) {
  holds(test_);
  holds(then_);
  holds(otherwise_);
}

Value Conditional::evaluate(Frame& frame) const {
  if (truth(frame.evaluate(*test_))) return frame.evaluate(*then_);
  if (otherwise_ != nullptr) return frame.evaluate(*otherwise_);
  return frame.runtime.undefined(
      fmt::format("the expression with \"if\" but without \"else\" on line {} was false", line));
}

}  // namespace lathe::jinja
