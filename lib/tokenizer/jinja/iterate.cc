#include "tokenizer/jinja/iterate.h"

#include "base/fail.h"
#include "base/utf8.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

std::vector<Value> characters(Runtime& runtime, const Value& string) {
  const Text& text = string.text();
  std::vector<Value> out;
  runtime.heap().expect(string.as_string().length * (sizeof(Value) + sizeof(StringObject)));
  out.reserve(string.as_string().length);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = decode_utf8(text.view().substr(at)).length;
    out.push_back(runtime.like(string, text.slice(at, at + length)));
    at += length;
  }
  return out;
}

}  // namespace

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInteger:
      return value.as_integer() != 0;
    case Kind::kFloat:
      return value.as_number() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return value.as_dict().size() > 0;
    case Kind::kObject:
      break;
  }
  return value.as_object().truth();
}

std::size_t length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      return value.as_string().length;
    case Kind::kList:
    case Kind::kTuple:
      return value.items().size();
    case Kind::kDict:
      return value.as_dict().size();
    case Kind::kObject:
      if (const auto length = value.as_object().length()) return *length;
      break;
    default:
      break;
  }
  fail_invalid("an object of type {} has no length", type_name(value));
}

std::vector<Value> iterate(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return {};
    case Kind::kString:
      return characters(runtime, value);
    case Kind::kList:
    case Kind::kTuple:
      runtime.spend(value.items().size());
      return value.items();
    case Kind::kDict: {
      runtime.spend(value.as_dict().size());
      std::vector<Value> keys;
      keys.reserve(value.as_dict().size());
      for (const auto& [key, unused] : value.as_dict().entries()) keys.push_back(key);
      return keys;
    }
    case Kind::kObject:
      if (auto items = value.as_object().iterate(runtime)) {
        runtime.spend(items->size());
        return *std::move(items);
      }
      break;
    default:
      break;
  }
  fail_invalid("an object of type {} cannot be iterated over", type_name(value));
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      return true;
    case Kind::kObject:
      return value.as_object().iterable();
    default:
      return false;
  }
}

void require_defined(const Value& value) {
  if (value.is_undefined()) fail_invalid("{}", value.undefined_message());
}

const Text& require_string(const Value& value, std::string_view what) {
  require_defined(value);
  if (!value.is_string()) fail_invalid("{} must be a string, not {}", what, type_name(value));
  return value.text();
}

std::int64_t require_integer(const Value& value, std::string_view what) {
  require_defined(value);
  if (!value.is_integer()) {
    fail_invalid("{} must be an integer, not {}", what, type_name(value));
  }
  return value.as_integer();
}

}  // namespace lathe::jinja
