// Macros, and the bodies of call blocks, as values that can be called.
#pragma once

#include <string>
#include <vector>

#include "tokenizer/jinja/expression.h"
#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

// What stands in the template.
struct MacroDefinition {
  struct Parameter {
    Symbol symbol;
    std::string name;
    ExpressionPtr otherwise;  // null: none
  };
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
  // Names that mean something special where the body uses them: -1 where it does not.
  Symbol caller = -1, kwargs = -1, varargs = -1;
};

class Macro final : public Object {
 public:
  // `definition` and what `frame` refers to outlive it.
  Macro(const MacroDefinition& definition, const Frame& frame);

  std::string type_name() const override { return "Macro"; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;
  std::optional<Text> print(Runtime&) override;

 private:
  void bind(Frame& frame, const Arguments& arguments) const;
  Value take_caller(Runtime& runtime, std::vector<std::pair<std::string, Value>>& named) const;

  const MacroDefinition& definition_;
  std::shared_ptr<Scope> scope_, top_;
};

}  // namespace lathe::jinja
