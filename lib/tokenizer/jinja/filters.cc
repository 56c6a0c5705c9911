#include "tokenizer/jinja/filters.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/jinja/access.h"
#include "tokenizer/jinja/function.h"
#include "tokenizer/jinja/iterate.h"
#include "tokenizer/jinja/print.h"

namespace lathe::jinja {
namespace {

constexpr std::array<std::string_view, 7> kRefused = {
    "filesizeformat", "pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"};

Value default_to(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("default", arguments, {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (parameters.get_truth(1, false) && !truth(value));
  if (!absent) return value;
  return parameters.has(0) ? parameters.at(0) : runtime.string(std::string());
}

Value attribute(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const Parameters parameters("attr", arguments, {"name"});
  return own_attribute_of(runtime, value, to_text(runtime, parameters.at(0)).view());
}

constexpr FilterEntry kFilters[] = {
    {"default", default_to},
    {"d", default_to},
    {"attr", attribute},
    {"tojson", to_json},
};

}  // namespace

Filter find_filter(std::string_view name) {
  for (const auto& table :
       {std::span<const FilterEntry>(kFilters), text_filters(), sequence_filters(),
        select_filters(), markup_filters(), number_filters(), order_filters()}) {
    for (const FilterEntry& entry : table) {
      if (entry.name == name) return entry.filter;
    }
  }
  return nullptr;
}

bool is_filter_name(std::string_view name) {
  return find_filter(name) != nullptr || std::ranges::count(kRefused, name) > 0;
}

Filter require_filter(std::string_view name) {
  const Filter filter = find_filter(name);
  if (filter != nullptr) return filter;
  if (std::ranges::count(kRefused, name) > 0) {
    fail_unsupported("the filter {} is not supported in chat templates", quoted(name));
  }
  fail_invalid("there is no filter {}", quoted(name));
}

Value as_string(Runtime& runtime, const Value& value) {
  return value.is_string() ? value : runtime.string(to_text(runtime, value));
}

}  // namespace lathe::jinja
