#include "tokenizer/jinja/statement.h"

#include "tokenizer/jinja/iterate.h"

namespace lathe::jinja {
namespace {

// What a block prints, as a value, filtered.
Value captured(Frame& frame, const Block& body, const std::vector<FilterCall>& filters) {
  Text out;
  Frame inner = frame.capturing(out);
  inner.run(body);
  Value value = frame.runtime.string(std::move(out));
  for (const FilterCall& filter : filters) value = filter.apply(frame, value);
  return value;
}

}  // namespace

Flow PrintText::run(Frame& frame) const {
  frame.print(text_);
  return Flow::kOn;
}

Flow Print::run(Frame& frame) const {
  frame.print(frame.evaluate(*value_));
  return Flow::kOn;
}

Flow If::run(Frame& frame) const {
  for (const Branch& branch : branches_) {
    if (branch.test == nullptr || truth(frame.evaluate(*branch.test))) {
      return frame.run(branch.body);
    }
  }
  return Flow::kOn;
}

Flow Set::run(Frame& frame) const {
  target_->assign(frame, frame.evaluate(*value_));
  return Flow::kOn;
}

Flow SetBlock::run(Frame& frame) const {
  target_->assign(frame, captured(frame, body_, filters_));
  return Flow::kOn;
}

Flow FilterBlock::run(Frame& frame) const {
  frame.print(captured(frame, body_, filters_));
  return Flow::kOn;
}

Flow DefineMacro::run(Frame& frame) const {
  frame.scope->set(symbol_, Value::object(std::make_shared<Macro>(definition_, frame)));
  return Flow::kOn;
}

Flow CallBlock::run(Frame& frame) const {
  const Value caller = Value::object(std::make_shared<Macro>(body_, frame));
  frame.print(call_->evaluate_with(frame, "caller", caller));
  return Flow::kOn;
}

Flow Scoped::run(Frame& frame) const {
  Frame inner = frame.inner();
  for (const Binding& binding : bindings_) {
    binding.target->assign(inner, frame.evaluate(*binding.value));
  }
  return inner.run(body_);
}

Flow NamedBlock::run(Frame& frame) const {
  Frame inner = frame.inner();
  if (!scoped_) inner.scope = std::make_shared<Scope>(frame.top);
  return inner.run(body_);
}

}  // namespace lathe::jinja
