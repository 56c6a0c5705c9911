#include "tokenizer/jinja/dict_view.h"

#include <algorithm>

#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/runtime.h"

namespace lathe::jinja {

std::string DictView::type_name() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

std::optional<std::vector<Value>> DictView::iterate(Runtime& runtime) {
  std::vector<Value> out;
  out.reserve(dict_.as_dict().size());
  for (const auto& [key, value] : dict_.as_dict().entries()) {
    out.push_back(part_ == Part::kKeys     ? key
                  : part_ == Part::kValues ? value
                                           : runtime.tuple({key, value}));
  }
  return out;
}

bool DictView::equals(Runtime& runtime, const Object& other) const {
  const DictView* view = dynamic_cast<const DictView*>(&other);
  if (view == nullptr || view->part_ != part_ || part_ == Part::kValues) return this == &other;
  if (part_ == Part::kItems) return equal(runtime, dict_, view->dict_);
  const DictObject &mine = dict_.as_dict(), &theirs = view->dict_.as_dict();
  return mine.size() == theirs.size() &&
         std::ranges::all_of(mine.entries(), [&theirs](const DictObject::Entry& entry) {
           return theirs.find(entry.first) != nullptr;
         });
}

std::optional<Text> DictView::print(Runtime& runtime) {
  Text out(type_name() + "(");
  append_repr(runtime, runtime.list(*iterate(runtime)), out);
  out.append(")");
  return out;
}

}  // namespace lathe::jinja
