// namespace(): the one thing whose attributes a template can set, from inside of loops too.
#pragma once

#include <string>

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

class Namespace final : public Object {
 public:
  explicit Namespace(Heap& heap) : Object(heap, sizeof(Namespace)) {}
  ~Namespace() override { heap().give(grown_); }

  // namespace(dict, name=value, ...)
  static Value make(Runtime& runtime, const Arguments& arguments);

  void set(std::string_view name, Value value);
  void clear();  // so that namespaces that hold each other fall apart

  std::string type_name() const override { return "Namespace"; }
  std::optional<Value> attribute(Runtime&, std::string_view name) override;
  std::optional<Text> print(Runtime& runtime) override;

 private:
  std::vector<std::pair<std::string, Value>> values_;
  std::size_t grown_ = 0;
};

}  // namespace lathe::jinja
