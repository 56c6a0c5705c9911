// The methods of dictionaries.
#include "tokenizer/jinja/dict_view.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/methods.h"

namespace lathe::jinja {
namespace {

Value get(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("get", arguments, {"key", "default"});
  const Value* value = self.as_dict().find(parameters.at(0));
  return value == nullptr ? parameters.get(1) : *value;
}

template <DictView::Part part>
Value view(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters none("a view of a dictionary", arguments, {});
  return Value::object(std::make_shared<DictView>(runtime.heap(), self, part));
}

Value copy(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters none("copy", arguments, {});
  return self;  // nothing changes it
}

}  // namespace

std::optional<Method> find_dict_method(std::string_view name) {
  if (name == "get") return get;
  if (name == "items") return view<DictView::Part::kItems>;
  if (name == "keys") return view<DictView::Part::kKeys>;
  if (name == "values") return view<DictView::Part::kValues>;
  if (name == "copy") return copy;
  if (name == "fromkeys") return std::optional<Method>(nullptr);
  return std::nullopt;
}

}  // namespace lathe::jinja
