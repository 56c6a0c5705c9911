// Filters of lists and what else has members.
#include <algorithm>

#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/dict_view.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/iterator.h"
#include "tokenizer/jinja/operators.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/range.h"

namespace lathe::jinja {
namespace {

Value length(Runtime&, const Value& value, const Arguments& arguments) {
  const Parameters none("length", arguments, {});
  return Value::integer(static_cast<std::int64_t>(length_of(value)));
}

Value list(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("list", arguments, {});
  return runtime.list(iterate(runtime, value));
}

// Whether Python's reversed() takes it.
bool is_reversible(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict() ||
         object_of<DictView>(value) != nullptr || object_of<Range>(value) != nullptr;
}

Value first(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("first", arguments, {});
  std::optional<Value> out;
  if (value.is_sequence() && !value.items().empty()) {
    out = value.items().front();
  } else if (Iterator* iterator = object_of<Iterator>(value)) {
    out = iterator->next();
  } else {
    std::vector<Value> items = iterate(runtime, value);
    if (!items.empty()) out = std::move(items.front());
  }
  return out ? *out : runtime.undefined("the first item of an empty sequence");
}

Value last(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("last", arguments, {});
  if (!is_reversible(value)) fail_invalid("last does not take {}", type_name(value));
  if (value.is_sequence() && !value.items().empty()) return value.items().back();
  std::vector<Value> items = iterate(runtime, value);
  return items.empty() ? runtime.undefined("the last item of an empty sequence") : items.back();
}

Value reverse(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("reverse", arguments, {});
  std::vector<Value> items = iterate(runtime, value);
  std::ranges::reverse(items);
  if (!value.is_string()) {
    return is_reversible(value) ? Iterator::make(runtime.heap(), std::move(items))
                                : runtime.list(std::move(items));
  }
  Text out;
  for (const Value& item : items) out.append(item.text());
  return runtime.like(value, std::move(out));
}

Value join(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"d", "attribute"});
  const Text separator = parameters.has(0) ? to_text(runtime, parameters.at(0)) : Text();
  Text out;
  bool first = true;
  for (const Value& item : iterate(runtime, value)) {
    if (!first) out.append(separator);
    first = false;
    const Text text =
        to_text(runtime, parameters.is_none(1) ? item : path_of(runtime, item, parameters.at(1)));
    runtime.heap().expect(out.size() + text.size() + separator.size());
    out.append(text);
  }
  return runtime.string(std::move(out));
}

Value sum(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("sum", arguments, {"attribute", "start"});
  Value out = parameters.get(1, Value::integer(0));
  if (out.is_string()) fail_invalid("sum does not take strings; \"join\" does");
  for (const Value& item : iterate(runtime, value)) {
    out =
        add(runtime, out, parameters.is_none(0) ? item : path_of(runtime, item, parameters.at(0)));
  }
  return out;
}

Value items(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters none("items", arguments, {});
  std::vector<Value> out;
  if (!value.is_undefined()) {
    if (!value.is_dict()) fail_invalid("items takes a dictionary, not {}", type_name(value));
    for (const auto& [key, item] : value.as_dict().entries()) {
      out.push_back(runtime.tuple({key, item}));
    }
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

// Lists of `linecount` items each, the last one filled up with `fill_with` unless that is None.
Value batch(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("batch", arguments, {"linecount", "fill_with"});
  const std::int64_t size = require_integer(parameters.at(0), "batch's count");
  std::vector<Value> out, line;
  for (Value& item : iterate(runtime, value)) {
    if (static_cast<std::int64_t>(line.size()) == size) {
      out.push_back(runtime.list(std::move(line)));
      line.clear();
    }
    line.push_back(std::move(item));
  }
  if (!line.empty()) {
    if (!parameters.is_none(1)) {
      runtime.heap().expect(static_cast<std::size_t>(std::max<std::int64_t>(size, 0)));
      while (static_cast<std::int64_t>(line.size()) < size) {
        runtime.spend();
        line.push_back(parameters.at(1));
      }
    }
    out.push_back(runtime.list(std::move(line)));
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

// `slices` lists, the first ones longer by one where it does not come out even.
Value slice(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("slice", arguments, {"slices", "fill_with"});
  const std::int64_t wanted = require_integer(parameters.at(0), "slice's count");
  if (wanted == 0) fail_invalid("slice: division by zero");
  const std::vector<Value> all = iterate(runtime, value);
  const auto count = static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0));
  const std::size_t each = count == 0 ? 0 : all.size() / count;
  const std::size_t longer = count == 0 ? 0 : all.size() % count;
  std::vector<Value> out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = each + (i < longer ? 1 : 0);
    std::vector<Value> part(all.begin() + static_cast<std::ptrdiff_t>(at),
                            all.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
    if (!parameters.is_none(1) && i >= longer) part.push_back(parameters.at(1));
    out.push_back(runtime.list(std::move(part)));
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"length", length}, {"count", length},    {"list", list},   {"first", first},
    {"last", last},     {"reverse", reverse}, {"join", join},   {"sum", sum},
    {"items", items},   {"batch", batch},     {"slice", slice},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() { return kFilters; }

}  // namespace lathe::jinja
