#include "tokenizer/jinja/macro.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/statement.h"

namespace lathe::jinja {
namespace {

// Takes `name` out of the arguments by name.
std::optional<Value> take(std::vector<std::pair<std::string, Value>>& named,
                          std::string_view name) {
  const auto found =
      std::ranges::find_if(named, [name](const auto& entry) { return entry.first == name; });
  if (found == named.end()) return std::nullopt;
  Value out = std::move(found->second);
  named.erase(found);
  return out;
}

}  // namespace

Macro::Macro(const MacroDefinition& definition, const Frame& frame)
    : Object(frame.runtime.heap(), sizeof(Macro)),
      definition_(definition),
      scope_(frame.scope),
      top_(frame.top) {
  frame.runtime.keep(scope_);
}

std::optional<Value> Macro::attribute(Runtime& runtime, std::string_view name) {
  if (name == "name") return runtime.string(definition_.name);
  if (name == "caller") return Value::boolean(definition_.caller >= 0);
  if (name == "catch_kwargs") return Value::boolean(definition_.kwargs >= 0);
  if (name == "catch_varargs") return Value::boolean(definition_.varargs >= 0);
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const auto& parameter : definition_.parameters) {
    names.push_back(runtime.string(parameter.name));
  }
  return runtime.tuple(std::move(names));
}

Value Macro::take_caller(Runtime& runtime,
                         std::vector<std::pair<std::string, Value>>& named) const {
  std::optional<Value> caller = take(named, "caller");
  return caller ? *caller : runtime.undefined("the macro was not called with a body");
}

void Macro::bind(Frame& frame, const Arguments& arguments) const {
  Runtime& runtime = frame.runtime;
  const auto& parameters = definition_.parameters;
  auto named = arguments.named;
  const std::size_t given = std::min(arguments.positional.size(), parameters.size());
  std::vector<std::optional<Value>> values(
      arguments.positional.begin(),
      arguments.positional.begin() + static_cast<std::ptrdiff_t>(given));
  for (std::size_t i = given; i < parameters.size(); ++i) {
    values.push_back(take(named, parameters[i].name));
  }
  if (definition_.caller >= 0) frame.scope->set(definition_.caller, take_caller(runtime, named));
  if (definition_.kwargs >= 0) {
    auto rest = std::make_shared<DictObject>(runtime.heap());
    for (const auto& [name, value] : named) rest->set(name, value);
    frame.scope->set(definition_.kwargs, Value::dict(std::move(rest)));
  } else if (!named.empty()) {
    fail_invalid("the macro {} has no parameter {} left", quoted(definition_.name),
                 quoted(named.front().first));
  }
  std::vector<Value> more(arguments.positional.begin() + static_cast<std::ptrdiff_t>(given),
                          arguments.positional.end());
  if (definition_.varargs >= 0) {
    frame.scope->set(definition_.varargs, runtime.tuple(std::move(more)));
  } else if (!more.empty()) {
    fail_invalid("the macro {} takes at most {} arguments", quoted(definition_.name),
                 parameters.size());
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!values[i] && parameters[i].otherwise != nullptr) {
      values[i] = frame.evaluate(*parameters[i].otherwise);
    }
    frame.scope->set(parameters[i].symbol,
                     values[i] ? *values[i]
                               : runtime.undefined(fmt::format("the parameter {} was not given",
                                                               quoted(parameters[i].name))));
  }
}

Value Macro::call(Runtime& runtime, const Arguments& arguments) {
  Text out;
  Frame frame(runtime, std::make_shared<Scope>(scope_), top_, out);
  bind(frame, arguments);
  frame.run(definition_.body);
  return runtime.string(std::move(out));
}

std::optional<Text> Macro::print(Runtime&) {
  Text out("<Macro ");
  append_quoted(Text(definition_.name), out);
  out.append(">");
  return out;
}

}  // namespace lathe::jinja
