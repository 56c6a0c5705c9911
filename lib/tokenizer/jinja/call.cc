#include "tokenizer/jinja/call.h"

#include <unordered_set>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

// Adds arguments by name, each once.
class NamedArguments {
 public:
  explicit NamedArguments(Arguments& arguments) : arguments_(arguments) {}
  void add(const std::string& name, Value value) {
    if (!names_.insert(name).second) fail_invalid("the argument {} is given twice", quoted(name));
    arguments_.named.emplace_back(name, std::move(value));
  }

 private:
  Arguments& arguments_;
  std::unordered_set<std::string> names_;
};

}  // namespace

Arguments CallArguments::evaluate(Frame& frame) const {
  Arguments out;
  out.positional.reserve(positional.size());
  for (const ExpressionPtr& argument : positional) {
    out.positional.push_back(frame.evaluate(*argument));
  }
  if (named.empty() && star == nullptr && double_star == nullptr) return out;
  NamedArguments by_name(out);
  for (const auto& [name, argument] : named) by_name.add(name, frame.evaluate(*argument));
  if (star != nullptr) {
    for (Value& value : iterate(frame.runtime, frame.evaluate(*star))) {
      out.positional.push_back(std::move(value));
    }
  }
  if (double_star != nullptr) {
    const Value values = frame.evaluate(*double_star);
    require_defined(values);
    if (!values.is_dict()) fail_invalid("** needs a dictionary, not {}", type_name(values));
    frame.runtime.spend(values.as_dict().size());
    for (const auto& [key, value] : values.as_dict().entries()) {
      by_name.add(require_string(key, "an argument's name").bytes(), value);
    }
  }
  return out;
}

std::vector<const ExpressionPtr*> CallArguments::all() const {
  std::vector<const ExpressionPtr*> out;
  for (const ExpressionPtr& argument : positional) out.push_back(&argument);
  for (const auto& [name, argument] : named) out.push_back(&argument);
  out.push_back(&star);
  out.push_back(&double_star);
  return out;
}

Call::Call(int line, ExpressionPtr callee, CallArguments arguments)
    : Expression(line), callee_(std::move(callee)), arguments_(std::move(arguments)) {
  holds(callee_);
  for (const ExpressionPtr* argument : arguments_.all()) holds(*argument);
}

Value Call::evaluate(Frame& frame) const {
  const Value callee = frame.evaluate(*callee_);
  const Arguments arguments = arguments_.evaluate(frame);
  frame.runtime.line = line;
  return call(frame.runtime, callee, arguments);
}

Value Call::evaluate_with(Frame& frame, const std::string& name, const Value& value) const {
  const Value callee = frame.evaluate(*callee_);
  Arguments arguments = arguments_.evaluate(frame);
  for (const auto& [known, unused] : arguments.named) {
    if (known == name) fail_invalid("the argument {} is given twice", quoted(name));
  }
  arguments.named.emplace_back(name, value);
  return call(frame.runtime, callee, arguments);
}

Value FilterCall::apply(Frame& frame, const Value& value) const {
  const Filter filter = filter_ != nullptr ? filter_ : require_filter(name_);
  return filter(frame.runtime, value, arguments_.evaluate(frame));
}

Filtered::Filtered(int line, ExpressionPtr value, FilterCall filter)
    : Expression(line), value_(std::move(value)), filter_(std::move(filter)) {
  holds(value_);
  for (const ExpressionPtr* argument : filter_.arguments().all()) holds(*argument);
}

Value Filtered::evaluate(Frame& frame) const {
  return filter_.apply(frame, frame.evaluate(*value_));
}

Tested::Tested(int line, ExpressionPtr value, std::string name, CallArguments arguments)
    : Expression(line),
      value_(std::move(value)),
      test_(find_test(name)),
      name_(std::move(name)),
      arguments_(std::move(arguments)) {
  holds(value_);
  for (const ExpressionPtr* argument : arguments_.all()) holds(*argument);
}

Value Tested::evaluate(Frame& frame) const {
  const Test test = test_ != nullptr ? test_ : require_test(name_);
  const Value value = frame.evaluate(*value_);
  return Value::boolean(test(frame.runtime, value, arguments_.evaluate(frame)));
}

}  // namespace lathe::jinja
