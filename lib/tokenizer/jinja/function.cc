#include "tokenizer/jinja/function.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {

Value Function::call(Runtime& runtime, const Arguments& arguments) {
  return body_(runtime, arguments);
}

Value call(Runtime& runtime, const Value& value, const Arguments& arguments) {
  require_defined(value);
  if (value.kind() != Kind::kObject || !value.as_object().callable()) {
    fail_invalid("an object of type {} cannot be called", type_name(value));
  }
  const Runtime::Deeper deeper(runtime);
  runtime.spend();
  return value.as_object().call(runtime, arguments);
}

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names)
    : function_(function), names_(names), values_(names.size(), nullptr) {
  if (arguments.positional.size() > values_.size()) {
    fail_invalid("{} takes at most {} arguments, not {}", function_, values_.size(),
                 arguments.positional.size());
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
    values_[i] = &arguments.positional[i];
  }
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::ranges::find(names_, name);
    if (found == names_.end()) fail_invalid("{} has no parameter {}", function_, quoted(name));
    const Value*& slot = values_[static_cast<std::size_t>(found - names_.begin())];
    if (slot != nullptr) fail_invalid("{} got {} twice", function_, quoted(name));
    slot = &value;
  }
}

std::string Parameters::what(std::size_t index) const {
  return fmt::format("{}'s \"{}\"", function_, names_[index]);
}

const Value& Parameters::at(std::size_t index) const {
  if (!has(index)) fail_invalid("{} needs its argument \"{}\"", function_, names_[index]);
  return *values_[index];
}

Value Parameters::get(std::size_t index, const Value& otherwise) const {
  return has(index) ? *values_[index] : otherwise;
}

Value Parameters::get_string(std::size_t index) const {
  require_string(at(index), what(index));
  return at(index);
}

std::int64_t Parameters::get_integer(std::size_t index, std::int64_t otherwise) const {
  return has(index) ? require_integer(*values_[index], what(index)) : otherwise;
}

bool Parameters::get_truth(std::size_t index, bool otherwise) const {
  return has(index) ? truth(*values_[index]) : otherwise;
}

bool Parameters::is_none(std::size_t index) const {
  return !has(index) || values_[index]->is_none();
}

}  // namespace lathe::jinja
