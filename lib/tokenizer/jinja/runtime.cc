#include "tokenizer/jinja/runtime.h"

#include "base/fail.h"
#include "tokenizer/jinja/namespace.h"
#include "tokenizer/jinja/scope.h"

namespace lathe::jinja {

Runtime::Runtime(Heap& heap, const Limits& limits, std::function<std::tm()> now)
    : heap_(heap), limits_(limits), now_(std::move(now)) {}

Runtime::~Runtime() {
  for (const auto& scope : scopes_) scope->clear();
  for (const auto& space : namespaces_) space->clear();
}

void Runtime::spend(std::size_t steps) {
  steps_ += steps;
  if (steps_ > limits_.steps) {
    fail(ErrorCode::kLimit, "the template took more than {} steps", limits_.steps);
  }
}

void Runtime::count_printed(std::size_t bytes) {
  spend_bytes(bytes);
  printed_ += bytes;
  if (printed_ > 4 * limits_.output) {
    fail(ErrorCode::kLimit, "the template's blocks and macros printed more than {} MiB",
         4 * limits_.output >> 20);
  }
}

Runtime::Deeper::Deeper(Runtime& runtime) : runtime_(runtime) {
  if (++runtime_.depth_ > runtime_.limits_.depth) {
    --runtime_.depth_;
    fail(ErrorCode::kLimit, "the template's expressions and calls lie more than {} deep",
         runtime_.limits_.depth);
  }
}

Value Runtime::string(Text text) {
  spend_bytes(text.size());
  return Value::string(heap_, std::move(text));
}

Value Runtime::like(const Value& model, Text text) {
  spend_bytes(text.size());
  return model.is_markup() ? Value::markup(heap_, std::move(text))
                           : Value::string(heap_, std::move(text));
}

Value Runtime::list(std::vector<Value> items) {
  spend(1 + items.size());
  return Value::list(heap_, std::move(items));
}

Value Runtime::tuple(std::vector<Value> items) {
  spend(1 + items.size());
  return Value::tuple(heap_, std::move(items));
}

void Runtime::keep(std::shared_ptr<Namespace> space) { namespaces_.push_back(std::move(space)); }

void Runtime::keep(std::shared_ptr<Scope> scope) {
  if (scope == nullptr || scope->kept) return;
  scope->kept = true;
  scopes_.push_back(std::move(scope));
}

}  // namespace lathe::jinja
