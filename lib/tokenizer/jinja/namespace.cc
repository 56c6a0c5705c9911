#include "tokenizer/jinja/namespace.h"

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {

Value Namespace::make(Runtime& runtime, const Arguments& arguments) {
  auto space = std::make_shared<Namespace>(runtime.heap());
  runtime.keep(space);
  if (arguments.positional.size() > 1) fail_invalid("namespace takes one dictionary at most");
  for (const Value& values : arguments.positional) {
    if (!values.is_dict()) {
      fail_invalid("namespace takes a dictionary, not {}", jinja::type_name(values));
    }
    for (const auto& [key, value] : values.as_dict().entries()) {
      space->set(require_string(key, "a name in a namespace").view(), value);
    }
  }
  for (const auto& [name, value] : arguments.named) space->set(name, value);
  return Value::object(std::move(space));
}

void Namespace::set(std::string_view name, Value value) {
  if (name.starts_with('_')) {
    fail_invalid("{} begins with \"_\", which a name in a namespace may not", quoted(name));
  }
  for (auto& [known, old] : values_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  constexpr std::size_t kMost = 1000;
  if (values_.size() == kMost) {
    fail(ErrorCode::kLimit, "a namespace has more than {} names", kMost);
  }
  const std::size_t bytes = sizeof(values_[0]) + name.size();
  heap().take(bytes);
  grown_ += bytes;
  values_.emplace_back(name, std::move(value));
}

void Namespace::clear() {
  // Moved out first: what dies may look here again.
  const auto values = std::move(values_);
  values_.clear();
}

std::optional<Value> Namespace::attribute(Runtime&, std::string_view name) {
  for (const auto& [known, value] : values_) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::optional<Text> Namespace::print(Runtime& runtime) {
  auto dict = std::make_shared<DictObject>(runtime.heap());
  for (const auto& [name, value] : values_) dict->set(name, value);
  Text out("<Namespace ");
  append_repr(runtime, Value::dict(std::move(dict)), out);
  out.append(">");
  return out;
}

}  // namespace lathe::jinja
