// What goes by once: what "map", "select", "reverse" and their like give.
#pragma once

#include <string>

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

class Iterator final : public Object {
 public:
  Iterator(Heap& heap, std::vector<Value> items)
      : Object(heap, sizeof(Iterator) + items.capacity() * sizeof(Value)),
        items_(std::move(items)) {}

  static Value make(Heap& heap, std::vector<Value> items) {
    return Value::object(std::make_shared<Iterator>(heap, std::move(items)));
  }

  std::string type_name() const override { return "generator"; }
  bool iterable() const override { return true; }
  // What is left; then nothing is.
  std::optional<std::vector<Value>> iterate(Runtime&) override;
  // The next one, or nothing at the end.
  std::optional<Value> next();

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

}  // namespace lathe::jinja
