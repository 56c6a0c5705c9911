#include "tokenizer/jinja/compare.h"

#include <algorithm>

#include "base/fail.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/object.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

// Exact for integers and floats alike.
long double wide(const Value& value) {
  return value.is_integer() ? static_cast<long double>(value.as_integer()) : value.as_number();
}

bool equal_items(Runtime& runtime, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a[i].is_same(b[i]) && !equal(runtime, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Runtime& runtime, const DictObject& a, const DictObject& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

// Whether a < b, or a <= b with `or_equal`.
bool ordered(Runtime& runtime, const Value& a, const Value& b, bool or_equal) {
  require_defined(a);
  require_defined(b);
  if (a.is_number() && b.is_number()) {
    return or_equal ? wide(a) <= wide(b) : wide(a) < wide(b);
  }
  if (a.is_string() && b.is_string()) {
    runtime.spend_bytes(std::min(a.text().size(), b.text().size()));
    // Bytes of UTF-8 have the order of their characters.
    const int order = a.view().compare(b.view());
    return or_equal ? order <= 0 : order < 0;
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    const Runtime::Deeper deeper(runtime);
    const std::size_t common = std::min(a.items().size(), b.items().size());
    for (std::size_t i = 0; i < common; ++i) {
      if (equal(runtime, a.items()[i], b.items()[i])) continue;
      return ordered(runtime, a.items()[i], b.items()[i], or_equal);
    }
    return or_equal ? a.items().size() <= b.items().size() : a.items().size() < b.items().size();
  }
  fail_invalid("{} and {} have no order", type_name(a), type_name(b));
}

}  // namespace

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.spend();
  if (a.is_number() && b.is_number()) return wide(a) == wide(b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      runtime.spend_bytes(std::min(a.text().size(), b.text().size()));
      return a.view() == b.view();
    case Kind::kList:
    case Kind::kTuple: {
      const Runtime::Deeper deeper(runtime);
      return a.is_same(b) || equal_items(runtime, a.items(), b.items());
    }
    case Kind::kDict: {
      const Runtime::Deeper deeper(runtime);
      return a.is_same(b) || equal_dicts(runtime, a.as_dict(), b.as_dict());
    }
    default:
      return a.as_object().equals(runtime, b.as_object());
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  return ordered(runtime, a, b, false);
}

bool less_equal(Runtime& runtime, const Value& a, const Value& b) {
  return ordered(runtime, a, b, true);
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kUndefined:
      return false;
    case Kind::kString:
      if (!item.is_string()) {
        fail_invalid("\"in\" a string needs a string before it, not {}", type_name(item));
      }
      return find_text(runtime, container.view(), item.view()) != std::string_view::npos;
    case Kind::kDict:
      return container.as_dict().find(item) != nullptr;
    case Kind::kList:
    case Kind::kTuple:
      return std::ranges::any_of(container.items(), [&](const Value& member) {
        return member.is_same(item) || equal(runtime, member, item);
      });
    case Kind::kObject:
      if (const auto members = container.as_object().iterate(runtime)) {
        return std::ranges::any_of(*members, [&](const Value& member) {
          return member.is_same(item) || equal(runtime, member, item);
        });
      }
      [[fallthrough]];
    default:
      fail_invalid("\"in\" does not take an object of type {}", type_name(container));
  }
}

}  // namespace lathe::jinja
