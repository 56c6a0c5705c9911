// What a conjunction of schemas says, put together by kinds of values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "constraint/char_automaton.h"
#include "constraint/json_numbers.h"
#include "constraint/schema_parts.h"

namespace lathe {

enum SchemaType : std::uint32_t {
  kNullType = 1,
  kBooleanType = 2,
  kStringType = 4,
  kArrayType = 8,
  kObjectType = 16,
  kIntegerType = 32,
  kFractionType = 64,  // numbers that are not whole
  kNumberType = kIntegerType | kFractionType,
  kAnyType = 127,
};

// Members that no property names: those whose names are found by these of the shape's patterns, and
// by no others.
struct OtherMembers {
  std::vector<bool> found;
  SchemaParts value;
};

struct SchemaShape {
  std::uint32_t types = kAnyType;
  // Of enum and const: the values that are left; nothing where there is neither.
  std::optional<std::vector<const SchemaJson*>> values;

  std::optional<NumberBound> low, high;

  std::uint32_t min_length = 0, max_length = kUnbounded;
  std::vector<std::string> patterns, formats;

  std::uint32_t min_items = 0, max_items = kUnbounded;
  std::vector<SchemaParts> prefix;  // of the first items
  SchemaParts items;                // of those behind them

  std::vector<std::pair<std::string, SchemaParts>> properties;  // in order
  std::vector<std::string> required;
  std::vector<std::string> name_patterns;  // of patternProperties
  std::vector<OtherMembers> others;        // what no pattern finds is the first
  std::uint32_t min_properties = 0, max_properties = kUnbounded;
  std::optional<SchemaParts> names;

  // Whether no members may come but the named ones.
  bool is_closed() const noexcept {
    return std::ranges::all_of(others, [](const OtherMembers& o) { return o.value.nothing; });
  }
  bool says_of_strings() const noexcept {
    return min_length > 0 || max_length != kUnbounded || !patterns.empty() || !formats.empty();
  }
};

// Of the objects of `parts`; its choices are not looked at. Throws as SchemaDocument, kUnsupported
// for formats that are not known.
SchemaShape shape_of(const SchemaParts& parts, const SchemaDocument& document);

// What holds for a member of that name.
const SchemaParts& member_of(const SchemaShape& shape, const std::string& name);

// The names of other members.
CharAutomaton names_of(const SchemaShape& shape, const OtherMembers& others);

// The strings that a shape allows.
CharAutomaton strings_of(const SchemaShape& shape);

// Whether a value that is no array or object is allowed.
bool allows_scalar(const SchemaShape& shape, const SchemaJson& value);
std::uint32_t type_of(const SchemaJson& value) noexcept;

// Whether no value is allowed by both, as far as their forms tell.
bool exclude_each_other(const SchemaParts& a, const SchemaParts& b, const SchemaDocument& document,
                        int depth = 0);

}  // namespace lathe
