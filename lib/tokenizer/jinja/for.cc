#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/loop.h"
#include "tokenizer/jinja/statement.h"

namespace lathe::jinja {

Flow For::run(Frame& frame) const {
  visit(frame, frame.evaluate(*parts_.iterable), 0);
  return Flow::kOn;
}

void For::visit(Frame& frame, const Value& iterable, int depth) const {
  LoopItems::Passes passes;
  if (parts_.test != nullptr) {
    passes = [this, frame](const Value& item) {
      Frame inner = frame.inner();
      parts_.target->assign(inner, item);
      return truth(inner.evaluate(*parts_.test));
    };
  }
  Loop::Recurse recurse;
  if (parts_.recursive) {
    recurse = [this, frame](const Value& again, int deeper) {
      Text out;
      Frame inner(frame.runtime, frame.scope, frame.top, out);
      visit(inner, again, deeper);
      return inner.runtime.string(std::move(out));
    };
  }
  Runtime& runtime = frame.runtime;
  const auto loop = std::make_shared<Loop>(runtime.heap(),
                                           LoopItems(iterate(runtime, iterable), std::move(passes)),
                                           depth, std::move(recurse));
  bool finished = false;
  for (; loop->items.has(loop->index); ++loop->index) {
    runtime.spend(3);  // a scope and its names
    Frame inner = frame.inner();
    parts_.target->assign(inner, loop->items.at(loop->index));
    inner.scope->set(parts_.loop, Value::object(loop));
    const Flow flow = inner.run(parts_.body);
    if (flow == Flow::kBreak) break;
    finished = finished || flow == Flow::kOn;
  }
  // As in the original, which takes "else" where no pass came to the end of the body.
  if (!finished) {
    Frame inner = frame.inner();
    inner.run(parts_.otherwise);
  }
}

}  // namespace lathe::jinja
