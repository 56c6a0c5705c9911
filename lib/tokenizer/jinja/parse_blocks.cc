// Statements with bodies that are called or captured.
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/parser.h"

namespace lathe::jinja {

// (a, b=1)
void Parser::parse_parameters(MacroDefinition& definition) {
  expect_operator("(");
  while (!here().is_operator(")")) {
    if (!definition.parameters.empty()) expect_operator(",");
    if (here().is_operator(")")) break;
    MacroDefinition::Parameter parameter;
    parameter.name = take_name("a parameter's name");
    parameter.symbol = symbols_.number(parameter.name);
    if (skip_operator("=")) {
      parameter.otherwise = parse_expression();
    } else if (parameter.name == "caller") {
      fail_here("the parameter \"caller\" needs a default");
    } else if (!definition.parameters.empty() &&
               definition.parameters.back().otherwise != nullptr) {
      fail_here("a parameter without a default follows one that has one");
    }
    definition.parameters.push_back(std::move(parameter));
  }
  expect_operator(")");
}

void Parser::parse_macro_body(MacroDefinition& definition, std::string_view end) {
  // What the body uses, its own macros included, is what the macro takes beside its parameters.
  const bool caller = std::exchange(uses_caller_, false);
  const bool kwargs = std::exchange(uses_kwargs_, false);
  const bool varargs = std::exchange(uses_varargs_, false);
  const int loops = std::exchange(loops_, 0);
  definition.body = parse_inner(end);
  loops_ = loops;
  const auto special = [&](bool used, std::string_view name) {
    for (const auto& parameter : definition.parameters) {
      if (parameter.name == name) return -1;
    }
    return used ? symbols_.number(name) : -1;
  };
  definition.caller = special(uses_caller_, "caller");
  definition.kwargs = special(uses_kwargs_, "kwargs");
  definition.varargs = special(uses_varargs_, "varargs");
  uses_caller_ = uses_caller_ || caller;
  uses_kwargs_ = uses_kwargs_ || kwargs;
  uses_varargs_ = uses_varargs_ || varargs;
}

std::unique_ptr<const Statement> Parser::parse_macro(int line) {
  MacroDefinition definition;
  definition.name = take_name("a macro's name");
  const Symbol symbol = symbols_.number(definition.name);
  parse_parameters(definition);
  parse_macro_body(definition, "endmacro");
  return std::make_unique<DefineMacro>(line, symbol, std::move(definition));
}

std::unique_ptr<const Statement> Parser::parse_call_block(int line) {
  MacroDefinition body;
  body.name = "caller";
  if (here().is_operator("(")) parse_parameters(body);
  ExpressionPtr expression = parse_expression();
  const Call* call = dynamic_cast<const Call*>(expression.get());
  if (call == nullptr) fail_here("\"call\" needs a call of a macro");
  static_cast<void>(expression.release());
  std::unique_ptr<const Call> held(call);
  parse_macro_body(body, "endcall");
  return std::make_unique<CallBlock>(line, std::move(held), std::move(body));
}

std::unique_ptr<const Statement> Parser::parse_filter_block(int line) {
  std::vector<FilterCall> filters;
  do {
    filters.push_back(parse_filter());
  } while (skip_operator("|"));
  const int loops = std::exchange(loops_, 0);
  Block body = parse_inner("endfilter");
  loops_ = loops;
  return std::make_unique<FilterBlock>(line, std::move(filters), std::move(body));
}

std::unique_ptr<const Statement> Parser::parse_with(int line) {
  std::vector<Scoped::Binding> bindings;
  while (here().kind != TokenKind::kBlockEnd) {
    if (!bindings.empty()) expect_operator(",");
    TargetPtr target = parse_one_target(false);
    expect_operator("=");
    bindings.push_back({std::move(target), parse_expression()});
  }
  return std::make_unique<Scoped>(line, std::move(bindings), parse_inner("endwith"));
}

std::unique_ptr<const Statement> Parser::parse_generation(int line) {
  const int loops = std::exchange(loops_, 0);
  Block body = parse_inner("endgeneration");
  loops_ = loops;
  return std::make_unique<Scoped>(line, std::vector<Scoped::Binding>(), std::move(body));
}

std::unique_ptr<const Statement> Parser::parse_named_block(int line) {
  const std::string name = take_name("a block's name");
  const bool scoped = skip_name("scoped");
  if (here().is_name("required")) fail_unsupported("line {}: \"required\" is not supported", line);
  const int loops = std::exchange(loops_, 0);
  Block body = parse_inner("endblock");
  loops_ = loops;
  if (here().kind == TokenKind::kName) expect_name(name);
  return std::make_unique<NamedBlock>(line, scoped, std::move(body));
}

}  // namespace lathe::jinja
