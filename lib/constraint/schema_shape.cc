#include "constraint/schema_shape.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/fail.h"
#include "constraint/json_formats.h"

namespace lathe {
namespace {

constexpr std::pair<std::string_view, std::uint32_t> kTypes[] = {
    {"null", kNullType},     {"boolean", kBooleanType}, {"string", kStringType},
    {"array", kArrayType},   {"object", kObjectType},   {"integer", kIntegerType},
    {"number", kNumberType},
};

CharAutomaton automaton_of(std::string_view regex, RegexEnds ends) {
  return CharAutomaton::of(without_anchors(read_regex(regex), ends, regex));
}

class Reader {
 public:
  Reader(const SchemaDocument& document, const SchemaParts& parts)
      : document_(document), parts_(parts) {}

  SchemaShape run() {
    for (const SchemaJson* schema : parts_.objects) read(*schema);
    read_members();
    read_items();
    return std::move(shape_);
  }

 private:
  static const SchemaJson* member(const SchemaJson& schema, std::string_view key) {
    const auto at = schema.find(key);
    return at == schema.end() ? nullptr : &*at;
  }

  void read(const SchemaJson& schema) {
    if (const SchemaJson* type = member(schema, "type")) read_type(*type);
    if (const SchemaJson* list = member(schema, "enum")) {
      if (!list->is_array()) document_.fail_invalid_at(*list, "is no array");
      std::vector<const SchemaJson*> values;
      for (const SchemaJson& value : *list) values.push_back(&value);
      restrict_values(values);
    }
    if (const SchemaJson* value = member(schema, "const")) restrict_values({value});
    read_bound(schema, "minimum", false, shape_.low, false);
    read_bound(schema, "exclusiveMinimum", true, shape_.low, false);
    read_bound(schema, "maximum", false, shape_.high, true);
    read_bound(schema, "exclusiveMaximum", true, shape_.high, true);
    read_count(schema, "minLength", shape_.min_length, false);
    read_count(schema, "maxLength", shape_.max_length, true);
    read_count(schema, "minItems", shape_.min_items, false);
    read_count(schema, "maxItems", shape_.max_items, true);
    read_count(schema, "minProperties", shape_.min_properties, false);
    read_count(schema, "maxProperties", shape_.max_properties, true);
    if (const SchemaJson* pattern = member(schema, "pattern")) {
      shape_.patterns.push_back(text_of(*pattern));
    }
    if (const SchemaJson* format = member(schema, "format")) read_format(*format);
    if (const SchemaJson* names = member(schema, "propertyNames")) {
      SchemaParts parts = document_.parts(*names);
      if (shape_.names) parts.add(*shape_.names);
      shape_.names = std::move(parts);
    }
    if (const SchemaJson* required = member(schema, "required")) {
      if (!required->is_array()) document_.fail_invalid_at(*required, "is no array");
      for (const SchemaJson& name : *required) add_required(text_of(name));
    }
  }

  std::string text_of(const SchemaJson& value) const {
    if (!value.is_string()) document_.fail_invalid_at(value, "is not a string");
    return value.get<std::string>();
  }

  void add_required(std::string name) {
    if (std::ranges::find(shape_.required, name) == shape_.required.end()) {
      shape_.required.push_back(std::move(name));
    }
  }

  void read_type(const SchemaJson& type) {
    std::uint32_t types = 0;
    const auto add = [&](const SchemaJson& name) {
      const std::string text = text_of(name);
      const auto* known =
          std::ranges::find_if(kTypes, [&](const auto& t) { return t.first == text; });
      if (known == std::end(kTypes)) document_.fail_invalid_at(name, "is no type of JSON Schema");
      types |= known->second;
    };
    if (type.is_array()) {
      for (const SchemaJson& name : type) add(name);
    } else {
      add(type);
    }
    shape_.types &= types;
  }

  void restrict_values(const std::vector<const SchemaJson*>& values) {
    if (!shape_.values) {
      shape_.values = values;
      return;
    }
    std::erase_if(*shape_.values, [&](const SchemaJson* value) {
      return std::ranges::none_of(values,
                                  [&](const SchemaJson* other) { return *other == *value; });
    });
  }

  void read_bound(const SchemaJson& schema, const char* key, bool exclusive,
                  std::optional<NumberBound>& bound, bool is_high) {
    const SchemaJson* value = member(schema, key);
    if (value == nullptr) return;
    if (value->is_boolean() && exclusive) return;  // of draft 4, for the bound beside it
    if (!value->is_number()) document_.fail_invalid_at(*value, "is not a number");
    const std::optional<Decimal> decimal = Decimal::of(value->dump());
    if (!decimal) document_.fail_unsupported_at(*value, "has too many digits");
    const SchemaJson* beside = member(schema, is_high ? "exclusiveMaximum" : "exclusiveMinimum");
    if (beside != nullptr && *beside == true) exclusive = true;
    const NumberBound found{*decimal, exclusive};
    if (bound) {
      const int order =
          is_high ? -compare(found.value, bound->value) : compare(found.value, bound->value);
      if (order < 0 || (order == 0 && !exclusive)) return;
    }
    bound = found;
  }

  void read_count(const SchemaJson& schema, const char* key, std::uint32_t& count, bool is_max) {
    const SchemaJson* value = member(schema, key);
    if (value == nullptr) return;
    const bool whole = value->is_number() && value->get<double>() >= 0 &&
                       value->get<double>() == static_cast<double>(value->get<std::uint64_t>());
    if (!whole) document_.fail_invalid_at(*value, "is no count");
    const double number = std::min(value->get<double>(), static_cast<double>(kUnbounded - 1));
    const auto found = static_cast<std::uint32_t>(number);
    count = is_max ? std::min(count, found) : std::max(count, found);
  }

  void read_format(const SchemaJson& format) {
    std::string name = text_of(format);
    if (format_regex(name)) {
      shape_.formats.push_back(std::move(name));
    } else if (is_standard_format(name) && !document_.lenient()) {
      document_.fail_unsupported_at(format, fmt::format("is {}, which is not enforced; {} are",
                                                        quoted(name), known_formats()));
    }
  }

  // What each schema says of a member: of one that it does not name, additionalProperties.
  void read_members() {
    std::vector<std::string> names;
    for (const SchemaJson* schema : parts_.objects) {
      const SchemaJson* properties = member(*schema, "properties");
      if (properties == nullptr) continue;
      if (!properties->is_object()) document_.fail_invalid_at(*properties, "is no object");
      for (const auto& [name, value] : properties->items()) {
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
      }
    }
    for (const std::string& name : shape_.required) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    read_name_patterns();
    for (const std::string& name : names) {
      std::vector<bool> found;
      for (const std::string& pattern : shape_.name_patterns) {
        found.push_back(automaton_of(pattern, RegexEnds::kSearch).accepts(name));
      }
      shape_.properties.emplace_back(name, value_of(&name, found));
    }
    const std::size_t patterns = shape_.name_patterns.size();
    for (std::size_t set = 0; set < std::size_t{1} << patterns; ++set) {
      std::vector<bool> found;
      for (std::size_t i = 0; i < patterns; ++i) found.push_back((set >> i & 1) != 0);
      SchemaParts value = value_of(nullptr, found);
      shape_.others.push_back({std::move(found), std::move(value)});
    }
  }

  void read_name_patterns() {
    constexpr std::size_t kMost = 6;
    for (const SchemaJson* schema : parts_.objects) {
      const SchemaJson* patterns = member(*schema, "patternProperties");
      if (patterns == nullptr) continue;
      if (!patterns->is_object()) document_.fail_invalid_at(*patterns, "is no object");
      for (const auto& [pattern, value] : patterns->items()) {
        if (std::ranges::find(shape_.name_patterns, pattern) == shape_.name_patterns.end()) {
          shape_.name_patterns.push_back(pattern);
        }
      }
      if (shape_.name_patterns.size() > kMost) {
        document_.fail_unsupported_at(
            *patterns, fmt::format("has with its kin more than {} patterns, which may all find one "
                                   "name",
                                   kMost));
      }
    }
  }

  // Of a member, by its name where it has one that properties may say, and by which patterns
  // find it.
  SchemaParts value_of(const std::string* name, const std::vector<bool>& found) const {
    SchemaParts value;
    for (const SchemaJson* schema : parts_.objects) {
      bool named = false;
      const auto take = [&](const SchemaJson* part) {
        if (part == nullptr) return;
        value.add(document_.parts(*part));
        named = true;
      };
      const SchemaJson* properties = member(*schema, "properties");
      if (name != nullptr && properties != nullptr) take(member(*properties, *name));
      if (const SchemaJson* patterns = member(*schema, "patternProperties")) {
        for (std::size_t i = 0; i < found.size(); ++i) {
          if (found[i]) take(member(*patterns, shape_.name_patterns[i]));
        }
      }
      if (!named) take(member(*schema, "additionalProperties"));
    }
    return value;
  }

  // prefixItems; before 2020-12 it was items, too, if that was an array.
  const SchemaJson* prefix_of(const SchemaJson& schema) const {
    if (const SchemaJson* prefix = member(schema, "prefixItems")) {
      if (!prefix->is_array()) document_.fail_invalid_at(*prefix, "is no array of schemas");
      return prefix;
    }
    const SchemaJson* items = member(schema, "items");
    return items != nullptr && items->is_array() ? items : nullptr;
  }
  // What holds behind those: items, or additionalItems.
  const SchemaJson* rest_of(const SchemaJson& schema) const {
    const SchemaJson* items = member(schema, "items");
    const bool is_prefix = items != nullptr && items->is_array();
    if (!is_prefix) return items;
    if (member(schema, "prefixItems") != nullptr) {
      document_.fail_invalid_at(*items, "is an array, as in older drafts, beside prefixItems");
    }
    return member(schema, "additionalItems");
  }

  void read_items() {
    std::size_t longest = 0;
    for (const SchemaJson* schema : parts_.objects) {
      if (const SchemaJson* prefix = prefix_of(*schema)) {
        longest = std::max(longest, prefix->size());
      }
      if (const SchemaJson* rest = rest_of(*schema)) shape_.items.add(document_.parts(*rest));
    }
    for (std::size_t i = 0; i < longest; ++i) {
      SchemaParts item;
      for (const SchemaJson* schema : parts_.objects) {
        const SchemaJson* prefix = prefix_of(*schema);
        const SchemaJson* rest = rest_of(*schema);
        if (prefix != nullptr && i < prefix->size()) {
          item.add(document_.parts((*prefix)[i]));
        } else if (rest != nullptr) {
          item.add(document_.parts(*rest));
        }
      }
      shape_.prefix.push_back(std::move(item));
    }
  }

  const SchemaDocument& document_;
  const SchemaParts& parts_;
  SchemaShape shape_;
};

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

bool requires_other(const SchemaShape& a, const SchemaShape& b) {
  // A member that one needs and the other can't have.
  return std::ranges::any_of(a.required,
                             [&](const std::string& name) { return member_of(b, name).nothing; });
}

bool bounds_exclude(const SchemaShape& a, const SchemaShape& b) {
  if (!a.high || !b.low) return false;
  const int order = compare(a.high->value, b.low->value);
  return order < 0 || (order == 0 && (a.high->exclusive || b.low->exclusive));
}

}  // namespace

SchemaShape shape_of(const SchemaParts& parts, const SchemaDocument& document) {
  return Reader(document, parts).run();
}

const SchemaParts& member_of(const SchemaShape& shape, const std::string& name) {
  const auto known =
      std::ranges::find_if(shape.properties, [&](const auto& p) { return p.first == name; });
  if (known != shape.properties.end()) return known->second;
  std::vector<bool> found;
  for (const std::string& pattern : shape.name_patterns) {
    found.push_back(automaton_of(pattern, RegexEnds::kSearch).accepts(name));
  }
  return std::ranges::find(shape.others, found, &OtherMembers::found)->value;
}

CharAutomaton names_of(const SchemaShape& shape, const OtherMembers& others) {
  std::vector<std::string> names;
  for (const auto& [name, parts] : shape.properties) names.push_back(name);
  CharAutomaton out = CharAutomaton::all_but(names);
  for (std::size_t i = 0; i < shape.name_patterns.size(); ++i) {
    const CharAutomaton pattern = automaton_of(shape.name_patterns[i], RegexEnds::kSearch);
    out = out.both(others.found[i] ? pattern : pattern.complement());
  }
  return out;
}

CharAutomaton strings_of(const SchemaShape& shape) {
  std::optional<CharAutomaton> out;
  const auto add = [&](CharAutomaton part) { out = out ? out->both(part) : std::move(part); };
  for (const std::string& pattern : shape.patterns) add(automaton_of(pattern, RegexEnds::kSearch));
  for (const std::string& format : shape.formats) {
    add(automaton_of(*format_regex(format), RegexEnds::kWhole));
  }
  if (!out) return CharAutomaton::of_length(shape.min_length, shape.max_length);
  return out->with_length(shape.min_length, shape.max_length);
}

std::uint32_t type_of(const SchemaJson& value) noexcept {
  if (value.is_null()) return kNullType;
  if (value.is_boolean()) return kBooleanType;
  if (value.is_string()) return kStringType;
  if (value.is_array()) return kArrayType;
  if (value.is_object()) return kObjectType;
  if (value.is_number_integer()) return kIntegerType;
  const double number = value.get<double>();
  return number == static_cast<double>(static_cast<std::int64_t>(number)) ? kIntegerType
                                                                          : kFractionType;
}

bool allows_scalar(const SchemaShape& shape, const SchemaJson& value) {
  if ((shape.types & type_of(value)) == 0) return false;
  if (value.is_number()) {
    const std::optional<Decimal> number = Decimal::of(value.dump());
    const auto inside = [&](const std::optional<NumberBound>& bound, int side) {
      if (!bound) return true;
      const int order = side * compare(*number, bound->value);
      return order > 0 || (order == 0 && !bound->exclusive);
    };
    return number && inside(shape.low, 1) && inside(shape.high, -1);
  }
  if (!value.is_string()) return true;
  const auto& text = value.get_ref<const std::string&>();
  const std::size_t length = characters(text);
  if (length < shape.min_length || length > shape.max_length) return false;
  if (shape.patterns.empty() && shape.formats.empty()) return true;
  return strings_of(shape).accepts(text);
}

bool exclude_each_other(const SchemaParts& a, const SchemaParts& b, const SchemaDocument& document,
                        int depth) {
  constexpr int kDeep = 4;
  if (a.nothing || b.nothing) return true;
  if (depth > kDeep) return false;
  const SchemaShape x = shape_of(a, document), y = shape_of(b, document);
  const std::uint32_t types = x.types & y.types;
  if (types == 0) return true;
  if (x.values || y.values) {
    const SchemaShape &listed = x.values ? x : y, &other = x.values ? y : x;
    return std::ranges::all_of(*listed.values, [&](const SchemaJson* value) {
      if ((types & type_of(*value)) == 0) return true;
      if (other.values) {
        return std::ranges::none_of(*other.values,
                                    [&](const SchemaJson* o) { return *o == *value; });
      }
      return !value->is_structured() && !allows_scalar(other, *value);
    });
  }
  if ((types & ~kNumberType) == 0) return bounds_exclude(x, y) || bounds_exclude(y, x);
  if (types != kObjectType) return false;
  if (requires_other(x, y) || requires_other(y, x)) return true;
  return std::ranges::any_of(x.required, [&](const std::string& name) {
    if (std::ranges::find(y.required, name) == y.required.end()) return false;
    const auto value = [&](const SchemaShape& shape) {
      return std::ranges::find_if(shape.properties, [&](const auto& p) { return p.first == name; })
          ->second;
    };
    return exclude_each_other(value(x), value(y), document, depth + 1);
  });
}

}  // namespace lathe
