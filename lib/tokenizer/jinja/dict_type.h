// The global "dict": what makes dictionaries when it is called.
#pragma once

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

class DictType final : public Object {
 public:
  explicit DictType(Heap& heap) : Object(heap, sizeof(DictType)) {}

  std::string type_name() const override { return "type"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;  // fromkeys
};

}  // namespace lathe::jinja
