// cycler() and joiner(): helpers that remember how often they were asked.
#pragma once

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

// Gives its items in turn, over and over.
class Cycler final : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  Cycler(Heap& heap, std::vector<Value> items)
      : Object(heap, sizeof(Cycler)), items_(std::move(items)) {}
  static Value make(Runtime& runtime, const Arguments& arguments);

  std::string type_name() const override { return "Cycler"; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) override;

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

// Gives nothing the first time, its separator from then on.
class Joiner final : public Object {
 public:
  Joiner(Heap& heap, Value separator)
      : Object(heap, sizeof(Joiner)), separator_(std::move(separator)) {}
  static Value make(Runtime& runtime, const Arguments& arguments);

  std::string type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

}  // namespace lathe::jinja
