// Filters that compare the items of a sequence: sorting, grouping, the least and the greatest.
#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/compare.h"
#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/iterator.h"
#include "tokenizer/jinja/print.h"
#include "tokenizer/jinja/text_ops.h"

namespace lathe::jinja {
namespace {

Value without_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.like(value, lowered(value.text())) : value;
}

// What items are compared by: themselves, or the attributes that `path` names, apart by commas
// where `several` may be; strings without their case unless it matters.
struct Key {
  Runtime& runtime;
  Value path;  // None: the item itself
  bool case_matters;
  bool several = false;

  Value operator()(const Value& item) const {
    if (path.is_none()) return prepared(item);
    if (!several || !path.is_string()) return prepared(path_of(runtime, item, path));
    std::vector<Value> parts;
    for (const Text& part : split_text(runtime, path.text(), ",", -1, false)) {
      parts.push_back(prepared(path_of(runtime, item, runtime.string(part))));
    }
    return runtime.list(std::move(parts));
  }

  Value prepared(const Value& value) const {
    return case_matters ? value : without_case(runtime, value);
  }
};

// The items in the order of their keys; equal ones keep theirs.
std::vector<std::size_t> order_of(Runtime& runtime, const std::vector<Value>& keys, bool reverse) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return reverse ? less(runtime, keys[b], keys[a]) : less(runtime, keys[a], keys[b]);
  });
  return order;
}

std::vector<Value> sorted_by(Runtime& runtime, const std::vector<Value>& items,
                             const std::vector<Value>& keys, bool reverse) {
  std::vector<Value> out;
  out.reserve(items.size());
  for (const std::size_t i : order_of(runtime, keys, reverse)) out.push_back(items[i]);
  return out;
}

template <typename KeyOf>
std::vector<Value> keys_of(const std::vector<Value>& items, const KeyOf& key) {
  std::vector<Value> out;
  out.reserve(items.size());
  for (const Value& item : items) out.push_back(key(item));
  return out;
}

Value sort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Key key{runtime, parameters.get(2), parameters.get_truth(1, false), true};
  const std::vector<Value> items = iterate(runtime, value);
  return runtime.list(
      sorted_by(runtime, items, keys_of(items, key), parameters.get_truth(0, false)));
}

Value dictsort(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  require_defined(value);
  if (!value.is_dict()) fail_invalid("dictsort takes a dictionary, not {}", type_name(value));
  const std::string by =
      parameters.has(1) ? parameters.get_string(1).text().bytes() : std::string("key");
  if (by != "key" && by != "value") {
    fail_invalid("dictsort sorts by \"key\" or \"value\", not by {}", quoted(by));
  }
  const bool case_matters = parameters.get_truth(0, false);
  std::vector<Value> items, keys;
  for (const auto& [key, item] : value.as_dict().entries()) {
    items.push_back(runtime.tuple({key, item}));
    const Value& compared = by == "key" ? key : item;
    keys.push_back(case_matters ? compared : without_case(runtime, compared));
  }
  return runtime.list(sorted_by(runtime, items, keys, parameters.get_truth(2, false)));
}

Value unique(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("unique", arguments, {"case_sensitive", "attribute"});
  const Key key{runtime, parameters.get(1), parameters.get_truth(0, false)};
  std::unordered_set<std::string> seen;
  std::vector<Value> out;
  for (Value& item : iterate(runtime, value)) {
    if (seen.insert(hash_key(key(item))).second) out.push_back(std::move(item));
  }
  return Iterator::make(runtime.heap(), std::move(out));
}

template <bool greatest>
Value extreme(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters(greatest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const Key key{runtime, parameters.get(1), parameters.get_truth(0, false)};
  std::optional<Value> best, best_key;
  for (Value& item : iterate(runtime, value)) {
    Value candidate = key(item);
    if (best &&
        !(greatest ? less(runtime, *best_key, candidate) : less(runtime, candidate, *best_key))) {
      continue;
    }
    best = std::move(item);
    best_key = std::move(candidate);
  }
  return best ? *best : runtime.undefined("the least or greatest item of an empty sequence");
}

// (grouper, list), as a tuple whose items have names too.
class Group final : public SequenceObject {
 public:
  Group(Heap& heap, std::vector<Value> pair) : SequenceObject(heap, std::move(pair)) {}
  std::optional<Value> attribute(Runtime&, std::string_view name) override {
    if (name == "grouper") return items[0];
    if (name == "list") return items[1];
    return std::nullopt;
  }
};

Value groupby(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("groupby", arguments, {"attribute", "default", "case_sensitive"});
  const bool case_matters = parameters.get_truth(2, false);
  const auto attribute = [&](const Value& item) {
    Value out = path_of(runtime, item, parameters.at(0));
    return out.is_undefined() && !parameters.is_none(1) ? parameters.at(1) : out;
  };
  const std::vector<Value> items = iterate(runtime, value);
  const std::vector<Value> keys = keys_of(items, [&](const Value& item) {
    const Value key = attribute(item);
    return case_matters ? key : without_case(runtime, key);
  });
  const std::vector<std::size_t> order = order_of(runtime, keys, false);
  std::vector<Value> groups;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    std::vector<Value> members;
    while (end < order.size() && equal(runtime, keys[order[end]], keys[order[begin]])) {
      members.push_back(items[order[end++]]);
    }
    groups.push_back(Value::tuple(std::make_shared<Group>(
        runtime.heap(),
        std::vector<Value>{attribute(items[order[begin]]), runtime.list(std::move(members))})));
    begin = std::max(end, begin + 1);  // a key that does not equal itself (nan) is a group too
  }
  return runtime.list(std::move(groups));
}

constexpr FilterEntry kFilters[] = {
    {"sort", sort},          {"dictsort", dictsort}, {"unique", unique},
    {"min", extreme<false>}, {"max", extreme<true>}, {"groupby", groupby},
};

}  // namespace

std::span<const FilterEntry> order_filters() { return kFilters; }

}  // namespace lathe::jinja
