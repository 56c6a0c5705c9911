// The values that a template computes with: Python's, as far as templates meet them.
//
// A Value is small and copied freely; what is large lies behind it and never changes, but for
// namespaces, loops and the like, which are objects (object.h). A value belongs to the Heap that
// it was made on and must not outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/jinja/heap.h"
#include "tokenizer/jinja/text.h"

namespace lathe::jinja {

class Object;
class StringObject;
class SequenceObject;
class DictObject;

enum class Kind : std::uint8_t {
  kUndefined,
  kNone,
  kBool,
  kInteger,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kObject,  // everything else
};

// Levels of lists and dictionaries in each other; deeper ones are refused when they are made, so
// that whoever walks a value needs no limit of their own.
inline constexpr int kMaxNesting = 200;

class Value {
 public:
  Value() noexcept : Value(Kind::kNone) {}  // None
  static Value boolean(bool value) noexcept;
  static Value integer(std::int64_t value) noexcept;
  static Value number(double value) noexcept;
  // Prints as nothing; what else is done with it fails with `message`.
  static Value undefined(Heap& heap, std::string message);
  static Value string(Heap& heap, Text text);
  static Value string(Heap& heap, std::string own) { return string(heap, Text(std::move(own))); }
  // Text that is markup already: what is added to it is escaped (the filter "safe").
  static Value markup(Heap& heap, Text text);
  static Value list(Heap& heap, std::vector<Value> items);
  static Value tuple(Heap& heap, std::vector<Value> items);
  static Value tuple(std::shared_ptr<SequenceObject> sequence);
  static Value dict(std::shared_ptr<const DictObject> dict);
  static Value object(std::shared_ptr<Object> object);

  Kind kind() const noexcept { return kind_; }
  bool is_undefined() const noexcept { return kind_ == Kind::kUndefined; }
  bool is_none() const noexcept { return kind_ == Kind::kNone; }
  bool is_string() const noexcept { return kind_ == Kind::kString; }
  bool is_markup() const noexcept;
  bool is_dict() const noexcept { return kind_ == Kind::kDict; }
  bool is_sequence() const noexcept { return kind_ == Kind::kList || kind_ == Kind::kTuple; }
  // Booleans count as integers, as in Python.
  bool is_integer() const noexcept { return kind_ == Kind::kInteger || kind_ == Kind::kBool; }
  bool is_number() const noexcept { return is_integer() || kind_ == Kind::kFloat; }

  // Each for values of its kind only.
  bool as_bool() const noexcept { return integer_ != 0; }
  std::int64_t as_integer() const noexcept { return integer_; }
  double as_number() const noexcept {
    return kind_ == Kind::kFloat ? number_ : static_cast<double>(integer_);
  }
  const StringObject& as_string() const noexcept;
  const Text& text() const noexcept;
  std::string_view view() const noexcept { return text().view(); }
  const std::vector<Value>& items() const noexcept;  // of a list or tuple
  const DictObject& as_dict() const noexcept;
  std::shared_ptr<const DictObject> shared_dict() const noexcept;
  const std::string& undefined_message() const noexcept;
  Object& as_object() const noexcept { return *object_; }

  // The same object, not only an equal one.
  bool is_same(const Value& other) const noexcept;
  // How deep lists and dictionaries lie in it; 0 for what holds nothing.
  int nesting() const noexcept;

 private:
  explicit Value(Kind kind) noexcept : kind_(kind) {}

  Kind kind_;
  union {
    std::int64_t integer_ = 0;
    double number_;
  };
  std::shared_ptr<Object> object_;
};

// An object of type T behind a value, or null.
template <typename T>
T* object_of(const Value& value) noexcept {
  return value.kind() == Kind::kObject ? dynamic_cast<T*>(&value.as_object()) : nullptr;
}

}  // namespace lathe::jinja
