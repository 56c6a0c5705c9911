#include "tokenizer/jinja/value.h"

#include "tokenizer/jinja/object.h"

namespace lathe::jinja {

Value Value::boolean(bool value) noexcept {
  Value out(Kind::kBool);
  out.integer_ = value ? 1 : 0;
  return out;
}

Value Value::integer(std::int64_t value) noexcept {
  Value out(Kind::kInteger);
  out.integer_ = value;
  return out;
}

Value Value::number(double value) noexcept {
  Value out(Kind::kFloat);
  out.number_ = value;
  return out;
}

Value Value::undefined(Heap& heap, std::string message) {
  Value out(Kind::kUndefined);
  out.object_ = std::make_shared<UndefinedObject>(heap, std::move(message));
  return out;
}

Value Value::string(Heap& heap, Text text) {
  Value out(Kind::kString);
  out.object_ = std::make_shared<StringObject>(heap, std::move(text), false);
  return out;
}

Value Value::markup(Heap& heap, Text text) {
  Value out(Kind::kString);
  out.object_ = std::make_shared<StringObject>(heap, std::move(text), true);
  return out;
}

Value Value::list(Heap& heap, std::vector<Value> items) {
  Value out(Kind::kList);
  out.object_ = std::make_shared<SequenceObject>(heap, std::move(items));
  return out;
}

Value Value::tuple(Heap& heap, std::vector<Value> items) {
  Value out(Kind::kTuple);
  out.object_ = std::make_shared<SequenceObject>(heap, std::move(items));
  return out;
}

Value Value::tuple(std::shared_ptr<SequenceObject> sequence) {
  Value out(Kind::kTuple);
  out.object_ = std::move(sequence);
  return out;
}

Value Value::dict(std::shared_ptr<const DictObject> dict) {
  Value out(Kind::kDict);
  // Nobody changes it: as_dict() gives a constant one.
  out.object_ = std::const_pointer_cast<DictObject>(std::move(dict));
  return out;
}

Value Value::object(std::shared_ptr<Object> object) {
  Value out(Kind::kObject);
  out.object_ = std::move(object);
  return out;
}

const StringObject& Value::as_string() const noexcept {
  return static_cast<const StringObject&>(*object_);
}

bool Value::is_markup() const noexcept { return is_string() && as_string().markup; }

const Text& Value::text() const noexcept { return as_string().text; }

const std::vector<Value>& Value::items() const noexcept {
  return static_cast<const SequenceObject&>(*object_).items;
}

const DictObject& Value::as_dict() const noexcept {
  return static_cast<const DictObject&>(*object_);
}

std::shared_ptr<const DictObject> Value::shared_dict() const noexcept {
  return std::static_pointer_cast<const DictObject>(object_);
}

const std::string& Value::undefined_message() const noexcept {
  return static_cast<const UndefinedObject&>(*object_).message;
}

bool Value::is_same(const Value& other) const noexcept {
  if (kind_ != other.kind_) return false;
  switch (kind_) {
    case Kind::kNone:
      return true;
    case Kind::kBool:
    case Kind::kInteger:
      return integer_ == other.integer_;
    case Kind::kFloat:
      return number_ == other.number_;
    default:
      return object_ == other.object_;
  }
}

int Value::nesting() const noexcept {
  if (is_sequence()) return static_cast<const SequenceObject&>(*object_).nesting;
  return is_dict() ? as_dict().nesting() : 0;
}

}  // namespace lathe::jinja
