#include "tokenizer/jinja/access.h"

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/methods.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/range.h"

namespace lathe::jinja {
namespace {

Value missing(Runtime& runtime, const Value& object, std::string_view what) {
  return runtime.undefined(fmt::format("{} object has no {}", quoted(type_name(object)), what));
}

// What Python's getattr() finds; nothing where it raises AttributeError.
std::optional<Value> own_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (name.starts_with("__") && name.ends_with("__") && name.size() > 4) {
    return runtime.undefined(
        fmt::format("{} of {} is not for templates", quoted(name), type_name(object)));
  }
  require_defined(object);
  if (object.kind() == Kind::kObject || object.kind() == Kind::kTuple) {
    if (auto value = object.as_object().attribute(runtime, name)) return value;
  }
  return method_of(runtime, object, name);
}

// The element `index`, counted from the end when negative; nothing when it is out of range.
std::optional<std::size_t> position(std::int64_t index, std::size_t size) {
  const auto length = static_cast<std::int64_t>(size);
  if (index < 0) index += length;
  if (index < 0 || index >= length) return std::nullopt;
  return static_cast<std::size_t>(index);
}

std::optional<Value> element(Runtime& runtime, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::kDict: {
      if (key.kind() == Kind::kList || key.kind() == Kind::kDict) return std::nullopt;
      const Value* value = object.as_dict().find(key);
      return value == nullptr ? std::nullopt : std::optional(*value);
    }
    case Kind::kList:
    case Kind::kTuple: {
      if (!key.is_integer()) return std::nullopt;
      const auto at = position(key.as_integer(), object.items().size());
      return at ? std::optional(object.items()[*at]) : std::nullopt;
    }
    case Kind::kString: {
      if (!key.is_integer()) return std::nullopt;
      const StringObject& string = object.as_string();
      const auto at = position(key.as_integer(), string.length);
      if (!at) return std::nullopt;
      runtime.spend_bytes(*at);
      return runtime.like(object, string.characters(*at, *at + 1));
    }
    case Kind::kObject:
      return object.as_object().element(runtime, key);
    default:
      return std::nullopt;
  }
}

}  // namespace

SliceIndices slice_indices(std::size_t size, const Value& begin, const Value& end,
                           const Value& step) {
  const auto bound = [](const Value& value, std::int64_t otherwise) {
    return value.is_none() ? otherwise : require_integer(value, "a slice's bound");
  };
  const auto length = static_cast<std::int64_t>(size);
  const std::int64_t by = bound(step, 1);
  if (by == 0) fail_invalid("a slice's step cannot be zero");
  const std::int64_t least = by > 0 ? 0 : -1, most = by > 0 ? length : length - 1;
  const auto clamp = [&](std::int64_t index) {
    if (index < 0) index = std::max(index, -length - 1) + length;
    return std::clamp(index, least, most);
  };
  const std::int64_t first = begin.is_none() ? (by > 0 ? least : most) : clamp(bound(begin, 0));
  const std::int64_t last = end.is_none() ? (by > 0 ? most : least) : clamp(bound(end, 0));
  const std::int64_t span = by > 0 ? last - first : first - last;
  // A step that jumps over everything takes one element, whatever its size.
  const std::int64_t stride = by > 0 ? by : by == INT64_MIN ? INT64_MAX : -by;
  const std::int64_t count = span <= 0 ? 0 : (span - 1) / stride + 1;
  return {first, by, static_cast<std::size_t>(count)};
}

namespace {

Value slice_of_string(Runtime& runtime, const Value& object, const SliceIndices& indices) {
  const StringObject& string = object.as_string();
  runtime.spend_bytes(string.text.size());
  if (indices.count == 0) return runtime.like(object, {});
  const auto begin = static_cast<std::size_t>(indices.begin);
  if (indices.step == 1) {
    return runtime.like(object, string.characters(begin, begin + indices.count));
  }
  const std::vector<Value> characters = iterate(runtime, object);
  Text out;
  std::int64_t at = indices.begin;
  for (std::size_t i = 0; i < indices.count; ++i) {
    out.append(characters[static_cast<std::size_t>(at)].text());
    if (i + 1 < indices.count) at += indices.step;
  }
  return runtime.like(object, std::move(out));
}

}  // namespace

Value attribute_of(Runtime& runtime, const Value& object, std::string_view name) {
  if (auto value = own_attribute(runtime, object, name)) return *std::move(value);
  if (object.is_dict()) {
    if (const Value* value = object.as_dict().find(name)) return *value;
  }
  return missing(runtime, object, fmt::format("attribute {}", quoted(name)));
}

Value own_attribute_of(Runtime& runtime, const Value& object, std::string_view name) {
  if (auto value = own_attribute(runtime, object, name)) return *std::move(value);
  return missing(runtime, object, fmt::format("attribute {}", quoted(name)));
}

Value item_of(Runtime& runtime, const Value& object, const Value& key) {
  require_defined(object);
  if (auto value = element(runtime, object, key)) return *std::move(value);
  if (!key.is_string()) {
    return missing(runtime, object,
                   key.is_number()
                       ? fmt::format("element {}", to_text(runtime, key).view())
                       : fmt::format("element for an object of type {}", type_name(key)));
  }
  if (auto value = own_attribute(runtime, object, key.view())) return *std::move(value);
  return missing(runtime, object, fmt::format("attribute {}", quoted(key.view())));
}

Value slice_of(Runtime& runtime, const Value& object, const Value& begin, const Value& end,
               const Value& step) {
  require_defined(object);
  if (object.is_string()) {
    return slice_of_string(runtime, object,
                           slice_indices(object.as_string().length, begin, end, step));
  }
  if (const Range* range = object_of<Range>(object)) return range->slice(begin, end, step);
  if (!object.is_sequence()) fail_invalid("an object of type {} has no slices", type_name(object));
  const SliceIndices indices = slice_indices(object.items().size(), begin, end, step);
  std::vector<Value> out;
  out.reserve(indices.count);
  std::int64_t at = indices.begin;
  for (std::size_t i = 0; i < indices.count; ++i) {
    out.push_back(object.items()[static_cast<std::size_t>(at)]);
    if (i + 1 < indices.count) at += indices.step;
  }
  return object.kind() == Kind::kList ? runtime.list(std::move(out))
                                      : runtime.tuple(std::move(out));
}

Value path_of(Runtime& runtime, const Value& object, const Value& path) {
  if (!path.is_string()) return item_of(runtime, object, path);
  Value at = object;
  std::string_view rest = path.view();
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    std::int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = !part.empty() && std::ranges::all_of(part, is_ascii_digit) &&
                        error == std::errc() && end == part.data() + part.size();
    at = item_of(runtime, at, number ? Value::integer(index) : runtime.string(std::string(part)));
    if (part.size() == rest.size()) return at;
    rest.remove_prefix(part.size() + 1);
  }
}

}  // namespace lathe::jinja
