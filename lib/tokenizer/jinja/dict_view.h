// What dict.keys(), dict.values() and dict.items() give.
#pragma once

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

class DictView final : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictView(Heap& heap, Value dict, Part part)
      : Object(heap, sizeof(DictView)), dict_(std::move(dict)), part_(part) {}

  std::string type_name() const override;
  bool truth() const override { return dict_.as_dict().size() > 0; }
  std::optional<std::size_t> length() override { return dict_.as_dict().size(); }
  std::optional<std::vector<Value>> iterate(Runtime& runtime) override;
  bool iterable() const override { return true; }
  std::optional<Text> print(Runtime& runtime) override;
  bool equals(Runtime& runtime, const Object& other) const override;

 private:
  Value dict_;
  Part part_;
};

}  // namespace lathe::jinja
