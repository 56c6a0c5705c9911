// Filters: value | name(arguments).
// Source: Jinja's template designer documentation, "List of Builtin Filters"; "tojson" as
// transformers' documentation of chat templates has it.
#pragma once

#include <span>
#include <string_view>

#include "tokenizer/jinja/runtime.h"
#include "tokenizer/jinja/value.h"

namespace lathe::jinja {

using Filter = Value (*)(Runtime&, const Value& value, const Arguments&);

struct FilterEntry {
  std::string_view name;
  Filter filter;
};

// Null for a name that is none of them.
Filter find_filter(std::string_view name);
// Whether Jinja knows it, if this program does or not.
bool is_filter_name(std::string_view name);
// Throws kInvalid for a name that Jinja does not know, kUnsupported for one that it knows and
// chat templates have no use for.
Filter require_filter(std::string_view name);

// The tables that together hold the filters.
std::span<const FilterEntry> text_filters();      // upper, trim, replace, indent, ...
std::span<const FilterEntry> markup_filters();    // safe, escape, urlencode
std::span<const FilterEntry> number_filters();    // int, float, round, abs
std::span<const FilterEntry> sequence_filters();  // length, first, join, batch, ...
std::span<const FilterEntry> order_filters();     // sort, unique, dictsort, groupby, min, max
std::span<const FilterEntry> select_filters();    // map, select, rejectattr, ...

Value to_json(Runtime& runtime, const Value& value, const Arguments& arguments);

// The value as a string, the way most filters take theirs; markup stays markup.
Value as_string(Runtime& runtime, const Value& value);

}  // namespace lathe::jinja
