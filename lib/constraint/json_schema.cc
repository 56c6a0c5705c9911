#include "constraint/json_schema.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "constraint/json_formats.h"
#include "constraint/json_numbers.h"
#include "constraint/json_rules.h"
#include "constraint/schema_parts.h"
#include "constraint/schema_shape.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxRules = 50000;

class Writer {
 public:
  explicit Writer(const SchemaDocument& document) : document_(document), json_(rules_) {}

  Rules run() {
    const RuleId root = rules_.add("root");
    rules_.define(root, value(document_.parts(document_.root())));
    for (std::size_t i = 0; i < agenda_.size(); ++i) {
      // Bodies ask for further rules.
      const auto [rule, parts] = agenda_[i];
      rules_.define(rule, body(parts));
    }
    rules_.set_root(root);
    return std::move(rules_);
  }

 private:
  // A use of the rule for values of which all this holds.
  NodeId value(const SchemaParts& parts) {
    if (parts.nothing) return rules_.nothing();
    if (parts.objects.empty() && parts.choices.empty()) return json_.any_value();
    const auto [known, fresh] = known_.emplace(parts, 0);
    if (fresh) {
      if (agenda_.size() >= kMaxRules) {
        fail(ErrorCode::kLimit, "the schema has too many combinations: more than {}", kMaxRules);
      }
      known->second = rules_.add("value");
      agenda_.emplace_back(known->second, parts);
    }
    return rules_.rule(known->second);
  }

  NodeId body(const SchemaParts& parts) {
    if (parts.choices.empty()) return shaped(parts);
    // The first choice is made; what it leads to may have others.
    SchemaParts rest = parts;
    const SchemaJson* choice = *rest.choices.begin();
    rest.choices.erase(rest.choices.begin());
    if (document_.is_one_of(choice) && !document_.lenient()) check_one_of(*choice, rest);
    std::vector<NodeId> alternatives;
    for (const SchemaJson& schema : *choice) {
      SchemaParts one = document_.parts(schema);
      // A choice that is made need not be made again where the schema refers to itself.
      one.choices.erase(choice);
      one.add(rest);
      alternatives.push_back(value(one));
    }
    return rules_.choice(alternatives);
  }

  void check_one_of(const SchemaJson& choice, const SchemaParts& rest) const {
    for (std::size_t i = 0; i < choice.size(); ++i) {
      for (std::size_t j = i + 1; j < choice.size(); ++j) {
        SchemaParts a = document_.parts(choice[i]), b = document_.parts(choice[j]);
        a.add(rest);
        b.add(rest);
        if (exclude_each_other(a, b, document_)) continue;
        document_.fail_unsupported_at(
            choice, fmt::format("is supported where no value can match two of its schemas, and "
                                "their forms don't show that of number {} and {}; anyOf takes "
                                "both, as --lenient-schema does",
                                i + 1, j + 1));
      }
    }
  }

  NodeId shaped(const SchemaParts& parts) {
    const SchemaShape shape = shape_of(parts, document_);
    if (shape.values) return listed(shape, parts);
    std::vector<NodeId> kinds;
    const auto has = [&](std::uint32_t type) { return (shape.types & type) != 0; };
    if (has(kObjectType)) kinds.push_back(object(shape, parts));
    if (has(kArrayType)) kinds.push_back(array(shape));
    if (has(kStringType)) kinds.push_back(string(shape));
    if (has(kNumberType)) kinds.push_back(number(shape));
    if (has(kBooleanType))
      kinds.push_back(rules_.choice({rules_.text("true"), rules_.text("false")}));
    if (has(kNullType)) kinds.push_back(rules_.text("null"));
    return rules_.choice(kinds);
  }

  // ---- enum and const

  NodeId listed(const SchemaShape& shape, const SchemaParts& parts) {
    std::vector<NodeId> out;
    for (const SchemaJson* value : *shape.values) {
      if ((shape.types & type_of(*value)) == 0) continue;
      if (value->is_structured()) {
        check_alone(*value, parts);
      } else if (!allows_scalar(shape, *value)) {
        continue;
      }
      out.push_back(literal(*value));
    }
    return rules_.choice(out);
  }

  // Arrays and objects that are listed are not matched with other keywords.
  void check_alone(const SchemaJson& value, const SchemaParts& parts) const {
    for (const SchemaJson* schema : parts.objects) {
      for (const char* key : {"properties", "required", "additionalProperties", "patternProperties",
                              "items", "prefixItems", "minItems", "maxItems", "minProperties",
                              "maxProperties", "propertyNames"}) {
        if (!schema->contains(key)) continue;
        document_.fail_unsupported_at(
            value, fmt::format("is an array or object that is listed beside {}: only type may "
                               "stand there",
                               quoted(key)));
      }
    }
  }

  NodeId literal(const SchemaJson& value) {
    if (value.is_string()) return json_.string(value.get_ref<const std::string&>());
    if (!value.is_structured()) return rules_.text(value.dump());
    std::vector<NodeId> inner;
    for (const auto& [key, member] : value.items()) {
      if (!inner.empty()) inner.push_back(json_.comma());
      inner.push_back(value.is_object() ? json_.member(json_.string(key), literal(member))
                                        : rules_.sequence({literal(member), json_.space()}));
    }
    const bool is_object = value.is_object();
    return json_.between(is_object ? '{' : '[', rules_.sequence(inner), is_object ? '}' : ']');
  }

  // ---- strings and numbers

  NodeId string(const SchemaShape& shape) {
    if (!shape.says_of_strings()) return json_.any_string();
    const NodeId quote = rules_.text("\"");
    const auto character = [&](const CharSet& set) { return json_.character(set); };
    const bool has_length = shape.min_length > 0 || shape.max_length != kUnbounded;
    const std::size_t expressions = shape.patterns.size() + shape.formats.size();
    if (shape.min_length > shape.max_length) return rules_.nothing();
    if (expressions == 0) {
      return rules_.sequence(
          {quote, rules_.repeat(json_.any_character(), shape.min_length, shape.max_length), quote});
    }
    if (expressions == 1 && !has_length) {
      const bool is_pattern = !shape.patterns.empty();
      const std::string regex(is_pattern ? shape.patterns.front()
                                         : *format_regex(shape.formats.front()));
      const RegexTree tree = without_anchors(
          read_regex(regex), is_pattern ? RegexEnds::kSearch : RegexEnds::kWhole, regex);
      return rules_.sequence({quote, to_rules(tree, rules_, character), quote});
    }
    return rules_.sequence({quote, strings_of(shape).to_rules(rules_, character, quote)});
  }

  NodeId number(const SchemaShape& shape) {
    const bool whole = (shape.types & kFractionType) == 0;
    if (shape.low || shape.high) return bounded_number(rules_, shape.low, shape.high, whole);
    return whole ? json_.any_integer() : json_.any_number();
  }

  // ---- arrays

  NodeId array(const SchemaShape& shape) {
    if (shape.min_items > shape.max_items) return rules_.nothing();
    const auto prefix = static_cast<std::uint32_t>(shape.prefix.size());
    // Items behind the prefix; each but the very first has a comma in front.
    const NodeId item = rules_.sequence({value(shape.items), json_.space()});
    const NodeId more = rules_.sequence({json_.comma(), item});
    NodeId rest = 0;
    const std::uint32_t max_rest = shape.max_items == kUnbounded ? kUnbounded
                                   : shape.max_items > prefix    ? shape.max_items - prefix
                                                                 : 0;
    const std::uint32_t min_rest = shape.min_items > prefix ? shape.min_items - prefix : 0;
    const auto less = [](std::uint32_t n) { return n == kUnbounded || n == 0 ? n : n - 1; };
    if (prefix > 0) {
      rest = rules_.repeat(more, min_rest, max_rest);
    } else if (max_rest == 0) {
      rest = rules_.empty();
    } else {
      rest = rules_.sequence({item, rules_.repeat(more, less(min_rest), less(max_rest))});
      if (min_rest == 0) rest = rules_.optional(rest);
    }
    for (std::uint32_t i = prefix; i-- > 0;) {
      if (i >= shape.max_items) {
        rest = rules_.empty();
        continue;
      }
      rest = rules_.sequence(
          {i > 0 ? json_.comma() : rules_.empty(), value(shape.prefix[i]), json_.space(), rest});
      if (i >= shape.min_items) rest = rules_.optional(rest);
    }
    return json_.between('[', rest, ']');
  }

  // ---- objects

  NodeId object(const SchemaShape& shape, const SchemaParts& parts) {
    const bool counts = shape.min_properties > 0 || shape.max_properties != kUnbounded;
    if (shape.min_properties > shape.max_properties) return rules_.nothing();
    if (shape.properties.empty()) {
      const bool any = shape.name_patterns.empty() && shape.others.front().value == SchemaParts();
      if (!counts && !shape.names && any) return json_.any_object();
      return json_.between('{', members(shape), '}');
    }
    if (counts && !document_.lenient()) refuse_counts(shape, parts);
    return json_.between('{', Members(*this, shape).from(0, false), '}');
  }

  // minProperties that required ones fulfil, and maxProperties that closed ones do, say nothing
  // new.
  void refuse_counts(const SchemaShape& shape, const SchemaParts& parts) const {
    const bool enough = shape.required.size() >= shape.min_properties;
    const bool few = shape.max_properties == kUnbounded ||
                     (shape.is_closed() && shape.properties.size() <= shape.max_properties);
    if (enough && few) return;
    for (const SchemaJson* schema : parts.objects) {
      for (const char* key : {"minProperties", "maxProperties"}) {
        const auto at = schema->find(key);
        if (at == schema->end() || std::string_view(key) == (enough ? "minProperties" : "")) {
          continue;
        }
        document_.fail_unsupported_at(*at, "is not enforced beside properties");
      }
    }
  }

  // A member that no property names.
  NodeId other_member(const SchemaShape& shape) {
    if (shape.names && shape.names->nothing) return rules_.nothing();
    const bool is_any = shape.properties.empty() && shape.name_patterns.empty() && !shape.names;
    if (is_any) return json_.member(json_.any_string(), value(shape.others.front().value));
    std::optional<CharAutomaton> allowed;
    if (shape.names) {
      const SchemaShape names = allowed_names(shape);
      if ((names.types & kStringType) == 0) return rules_.nothing();
      allowed = strings_of(names);
    }
    std::vector<NodeId> kinds;
    const auto character = [&](const CharSet& set) { return json_.character(set); };
    const NodeId quote = rules_.text("\"");
    for (const OtherMembers& others : shape.others) {
      if (others.value.nothing) continue;
      CharAutomaton names = names_of(shape, others);
      if (allowed) names = names.both(*allowed);
      const NodeId key = rules_.sequence({quote, names.to_rules(rules_, character, quote)});
      kinds.push_back(json_.member(key, value(others.value)));
    }
    return rules_.choice(kinds);
  }

  SchemaShape allowed_names(const SchemaShape& shape) const {
    const SchemaShape names = shape_of(*shape.names, document_);
    if (!names.values && shape.names->choices.empty()) return names;
    const SchemaJson& at = **shape.names->objects.begin();
    document_.fail_unsupported_at(at,
                                  "in propertyNames only lengths, patterns and formats are "
                                  "supported");
  }

  NodeId members(const SchemaShape& shape) {
    const NodeId one = other_member(shape);
    const std::uint32_t max = shape.max_properties, min = shape.min_properties;
    if (max == 0) return rules_.empty();
    const NodeId more = rules_.repeat(rules_.sequence({json_.comma(), one}), min > 0 ? min - 1 : 0,
                                      max == kUnbounded ? max : max - 1);
    const NodeId all = rules_.sequence({one, more});
    return min == 0 ? rules_.optional(all) : all;
  }

  // The members of an object with named ones, from one of them on.
  class Members {
   public:
    Members(Writer& writer, const SchemaShape& shape) : writer_(writer), shape_(shape) {}

    // `begun`: a member stands before, so that the next one has a comma in front.
    NodeId from(std::size_t i, bool begun) {
      Rules& rules = writer_.rules_;
      if (i == shape_.properties.size()) return others(begun);
      const auto [known, fresh] = known_.emplace(std::pair(i, begun), 0);
      if (fresh) {
        known->second = rules.add("members");
        const RuleId id = known->second;
        rules.define(id, body(i, begun));
        return rules.rule(id);
      }
      return rules.rule(known->second);
    }

   private:
    NodeId body(std::size_t i, bool begun) {
      Rules& rules = writer_.rules_;
      const auto& [name, parts] = shape_.properties[i];
      const bool is_required = std::ranges::find(shape_.required, name) != shape_.required.end();
      if (!allows_name(name)) return is_required ? rules.nothing() : from(i + 1, begun);
      const NodeId member = writer_.json_.member(writer_.json_.string(name), writer_.value(parts));
      const NodeId with = rules.sequence(
          {begun ? writer_.json_.comma() : rules.empty(), member, from(i + 1, true)});
      return is_required ? with : rules.choice({with, from(i + 1, begun)});
    }

    bool allows_name(const std::string& name) const {
      if (!shape_.names) return true;
      return !shape_.names->nothing &&
             allows_scalar(writer_.allowed_names(shape_), SchemaJson(name));
    }

    NodeId others(bool begun) {
      Rules& rules = writer_.rules_;
      if (shape_.is_closed()) return rules.empty();
      if (!other_) other_ = rules.named("other member", writer_.other_member(shape_));
      const NodeId more = rules.star(rules.sequence({writer_.json_.comma(), *other_}));
      return begun ? more : rules.optional(rules.sequence({*other_, more}));
    }

    Writer& writer_;
    const SchemaShape& shape_;
    std::map<std::pair<std::size_t, bool>, RuleId> known_;
    std::optional<NodeId> other_;
  };

  const SchemaDocument& document_;
  Rules rules_;
  JsonRules json_;
  std::map<SchemaParts, RuleId> known_;
  std::vector<std::pair<RuleId, SchemaParts>> agenda_;
};

}  // namespace

Rules read_json_schema(std::string_view text, const std::string& file, bool lenient) {
  const SchemaDocument document(text, file, lenient);
  return Writer(document).run();
}

}  // namespace lathe
