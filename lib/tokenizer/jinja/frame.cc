#include "tokenizer/jinja/frame.h"

#include "base/fail.h"
#include "tokenizer/jinja/expression.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/statement.h"

namespace lathe::jinja {

Value Frame::evaluate(const Expression& expression) {
  const Runtime::Deeper deeper(runtime);
  runtime.spend();
  runtime.line = expression.line;
  return expression.evaluate(*this);
}

Flow Frame::run(const Block& block) {
  const Runtime::Deeper deeper(runtime);
  for (const auto& statement : block) {
    runtime.spend();
    runtime.line = statement->line;
    const Flow flow = statement->run(*this);
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

void Frame::print(const Value& value) {
  const Text text = to_text(runtime, value);
  runtime.count_printed(text.size());
  out_->append(text);
  check_output();
}

void Frame::print(std::string_view own) {
  runtime.count_printed(own.size());
  out_->append(own);
  check_output();
}

Frame Frame::inner() const { return Frame(runtime, std::make_shared<Scope>(scope), top, *out_); }

Frame Frame::capturing(Text& out) const {
  return Frame(runtime, std::make_shared<Scope>(scope), top, out);
}

void Frame::check_output() const {
  if (out_->size() > runtime.limits().output) {
    fail(ErrorCode::kLimit, "the template printed more than {} MiB", runtime.limits().output >> 20);
  }
}

}  // namespace lathe::jinja
