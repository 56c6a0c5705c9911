// Filters that apply other filters and tests to each item of a sequence.
#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/iterator.h"
#include "tokenizer/jinja/tests.h"

namespace lathe::jinja {
namespace {

// `arguments` without the first `count` by position.
Arguments without_first(const Arguments& arguments, std::size_t count) {
  Arguments out;
  out.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(count),
                        arguments.positional.end());
  out.named = arguments.named;
  return out;
}

const Value* named(const Arguments& arguments, std::string_view name) {
  for (const auto& [known, value] : arguments.named) {
    if (known == name) return &value;
  }
  return nullptr;
}

// What is visited; nothing in whatever is false, None too.
std::vector<Value> members(Runtime& runtime, const Value& value) {
  return truth(value) ? iterate(runtime, value) : std::vector<Value>();
}

Value map_attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Value& path = *named(arguments, "attribute");
  const Value* otherwise = named(arguments, "default");
  if (arguments.named.size() > (otherwise == nullptr ? 1u : 2u)) {
    fail_invalid("map takes \"attribute\" and \"default\" by name, and nothing else");
  }
  std::vector<Value> out;
  for (const Value& item : members(runtime, value)) {
    Value part = path_of(runtime, item, path);
    const bool replace = part.is_undefined() && otherwise != nullptr && !otherwise->is_none();
    out.push_back(replace ? *otherwise : std::move(part));
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

Value map(Runtime& runtime, const Value& value, const Arguments& arguments) {
  if (arguments.positional.empty()) {
    if (named(arguments, "attribute") != nullptr) return map_attribute(runtime, value, arguments);
    fail_invalid("map needs the name of a filter, or \"attribute\"");
  }
  const std::string& name = require_string(arguments.positional[0], "map's filter").bytes();
  const Filter filter = require_filter(name);
  const Arguments rest = without_first(arguments, 1);
  std::vector<Value> out;
  for (const Value& item : members(runtime, value)) {
    const Runtime::Deeper deeper(runtime);
    runtime.spend();
    out.push_back(filter(runtime, item, rest));
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

// The items that pass a test (or do not, unless `wanted`); with `by_attribute` their attribute is
// tested, which the first argument names. Without a test, truth is what counts.
template <bool wanted, bool by_attribute>
Value select(Runtime& runtime, const Value& value, const Arguments& arguments) {
  constexpr std::size_t kFirst = by_attribute ? 1 : 0;
  if (arguments.positional.size() < kFirst) fail_invalid("a selection needs an attribute's name");
  Test test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > kFirst) {
    const std::string& name = require_string(arguments.positional[kFirst], "a test").bytes();
    test = require_test(name);
    rest = without_first(arguments, kFirst + 1);
  }
  std::vector<Value> out;
  for (const Value& item : members(runtime, value)) {
    runtime.spend();
    const Value tested = by_attribute ? path_of(runtime, item, arguments.positional[0]) : item;
    const bool passes = test != nullptr ? test(runtime, tested, rest) : truth(tested);
    if (passes == wanted) out.push_back(item);
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"map", map},
    {"select", select<true, false>},
    {"reject", select<false, false>},
    {"selectattr", select<true, true>},
    {"rejectattr", select<false, true>},
};

}  // namespace

std::span<const FilterEntry> select_filters() { return kFilters; }

}  // namespace lathe::jinja
