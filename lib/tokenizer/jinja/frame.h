// Where a template's code runs: its names, what it prints to, and the runtime.
#pragma once

#include <memory>
#include <vector>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/scope.h"
#include "tokenizer/jinja/text.h"

namespace lathe::jinja {

class Expression;
class Statement;

using ExpressionPtr = std::unique_ptr<const Expression>;
using Block = std::vector<std::unique_ptr<const Statement>>;

// What a statement leaves to do for the loop around it.
enum class Flow { kOn, kBreak, kContinue };

class Frame {
 public:
  Frame(Runtime& runtime, std::shared_ptr<Scope> scope, std::shared_ptr<Scope> top, Text& out)
      : runtime(runtime), scope(std::move(scope)), top(std::move(top)), out_(&out) {}

  Value evaluate(const Expression& expression);
  Flow run(const Block& block);
  void print(const Value& value);
  void print(std::string_view own);

  // The same with a scope of its own, so that names set in it are gone afterwards.
  Frame inner() const;
  // Such one whose output goes to `out`.
  Frame capturing(Text& out) const;
  // Whether what stands in `scope` or is set there lasts to the end of the template.
  bool is_top() const noexcept { return scope == top; }

  Runtime& runtime;
  std::shared_ptr<Scope> scope;
  std::shared_ptr<Scope> top;  // of the template itself: below it lies only what it was given

 private:
  void check_output() const;

  Text* out_;
};

}  // namespace lathe::jinja
