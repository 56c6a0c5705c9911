// Functions that templates can call, and how these read what they are called with.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/object.h"
#include "tokenizer/jinja/runtime.h"

namespace lathe::jinja {

class Function final : public Object {
 public:
  using Body = std::function<Value(Runtime&, const Arguments&)>;
  Function(Heap& heap, std::string name, Body body)
      : Object(heap, sizeof(Function)), name_(std::move(name)), body_(std::move(body)) {}

  static Value make(Heap& heap, std::string name, Body body) {
    return Value::object(std::make_shared<Function>(heap, std::move(name), std::move(body)));
  }

  std::string type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) override;

 private:
  std::string name_;
  Body body_;
};

// value(arguments); throws kInvalid when it cannot be called.
Value call(Runtime& runtime, const Value& value, const Arguments& arguments);

// The arguments of a call in the order of a function's parameters, whether they came by position
// or by name. Throws kInvalid for too many, unknown ones and ones that came twice.
class Parameters {
 public:
  Parameters(std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names);

  bool has(std::size_t index) const { return values_[index] != nullptr; }
  // Throws kInvalid when it was not passed.
  const Value& at(std::size_t index) const;
  Value get(std::size_t index, const Value& otherwise = {}) const;

  // ---- with types; `otherwise` when absent
  Value get_string(std::size_t index) const;  // throws when it is no string
  std::int64_t get_integer(std::size_t index, std::int64_t otherwise) const;
  bool get_truth(std::size_t index, bool otherwise) const;
  // Absent or None.
  bool is_none(std::size_t index) const;

 private:
  std::string what(std::size_t index) const;

  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace lathe::jinja
