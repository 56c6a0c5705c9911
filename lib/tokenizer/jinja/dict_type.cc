#include "tokenizer/jinja/dict_type.h"

#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"

namespace lathe::jinja {
namespace {

Value from_keys(Runtime& runtime, const Arguments& arguments) {
  const Parameters parameters("fromkeys", arguments, {"iterable", "value"});
  auto dict = std::make_shared<DictObject>(runtime.heap());
  for (const Value& key : iterate(runtime, parameters.at(0))) dict->set(key, parameters.get(1));
  return Value::dict(std::move(dict));
}

}  // namespace

// dict(mapping or pairs, name=value, ...)
Value DictType::call(Runtime& runtime, const Arguments& arguments) {
  auto dict = std::make_shared<DictObject>(runtime.heap());
  if (arguments.positional.size() > 1) fail_invalid("dict takes one argument by position at most");
  for (const Value& source : arguments.positional) {
    require_defined(source);
    if (source.is_dict()) {
      runtime.spend(source.as_dict().size());
      for (const auto& [key, value] : source.as_dict().entries()) dict->set(key, value);
      continue;
    }
    for (const Value& pair : jinja::iterate(runtime, source)) {
      const std::vector<Value> parts = jinja::iterate(runtime, pair);
      if (parts.size() != 2) fail_invalid("dict takes pairs, not {} values", parts.size());
      dict->set(parts[0], parts[1]);
    }
  }
  runtime.spend(arguments.named.size());
  for (const auto& [name, value] : arguments.named) dict->set(name, value);
  return Value::dict(std::move(dict));
}

std::optional<Value> DictType::attribute(Runtime& runtime, std::string_view name) {
  if (name != "fromkeys") return std::nullopt;
  return Function::make(runtime.heap(), "fromkeys", from_keys);
}

}  // namespace lathe::jinja
