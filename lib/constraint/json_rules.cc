#include "constraint/json_rules.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/utf8.h"

namespace lathe {
namespace {

// What a string may hold without an escape.
const CharSet& plain_chars() {
  static const CharSet set = [] {
    CharSet out(' ', 0x10ffff);
    return out.without(CharSet::of("\"\\"));
  }();
  return set;
}

// What writers escape: what they must, and what they do to stay within ASCII.
const CharSet& escaped_chars() {
  static const CharSet set = [] {
    CharSet out(0, 0x1f);
    out.add(CharSet::of("\"\\"));
    out.add(0x7f, 0x10ffff);
    return out;
  }();
  return set;
}

struct ShortEscape {
  char32_t character;
  char letter;
};
constexpr std::array<ShortEscape, 8> kShort{{{'"', '"'},
                                             {'\\', '\\'},
                                             {'/', '/'},
                                             {'\b', 'b'},
                                             {'\f', 'f'},
                                             {'\n', 'n'},
                                             {'\r', 'r'},
                                             {'\t', 't'}}};

// Numbers of four hexadecimal digits from `first` to `last`, cut so that in each piece every digit
// varies by itself: called with the ends of each piece.
template <typename Call>
void split_hexadecimal(std::uint32_t first, std::uint32_t last, Call&& call) {
  for (unsigned digits = 1; digits < 4; ++digits) {
    const std::uint32_t mask = (1u << (4 * digits)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split_hexadecimal(first, first | mask, call);
      split_hexadecimal((first | mask) + 1, last, call);
      return;
    }
    if ((last & mask) != mask) {
      split_hexadecimal(first, (last & ~mask) - 1, call);
      split_hexadecimal(last & ~mask, last, call);
      return;
    }
  }
  call(first, last);
}

}  // namespace

NodeId JsonRules::as_rule(std::optional<RuleId>& rule, const char* name,
                          NodeId (JsonRules::*make)()) {
  if (!rule) {
    rule = rules_.add(name);
    rules_.define(*rule, (this->*make)());
  }
  return rules_.rule(*rule);
}

NodeId JsonRules::space() { return as_rule(space_, "space", &JsonRules::make_space); }
NodeId JsonRules::any_value() { return as_rule(value_, "value", &JsonRules::make_value); }
NodeId JsonRules::any_object() { return as_rule(object_, "object", &JsonRules::make_object); }
NodeId JsonRules::any_array() { return as_rule(array_, "array", &JsonRules::make_array); }
NodeId JsonRules::any_string() { return as_rule(string_, "string", &JsonRules::make_string); }
NodeId JsonRules::any_number() { return as_rule(number_, "number", &JsonRules::make_number); }
NodeId JsonRules::any_integer() { return as_rule(integer_, "integer", &JsonRules::make_integer); }
NodeId JsonRules::rest_of_string() {
  return as_rule(rest_, "rest of string", &JsonRules::make_rest_of_string);
}

NodeId JsonRules::make_space() {
  NodeId indent = rules_.character(CharSet::of(" \t"));
  return rules_.choice({rules_.empty(), rules_.text(" "),
                        rules_.sequence({rules_.text("\n"), rules_.repeat(indent, 0, 64)})});
}

NodeId JsonRules::make_value() {
  return rules_.choice({any_object(), any_array(), any_string(), any_number(), rules_.text("true"),
                        rules_.text("false"), rules_.text("null")});
}

NodeId JsonRules::between(char open, NodeId inner, char close) {
  const std::string_view begin(&open, 1), end(&close, 1);
  return rules_.sequence({rules_.text(begin), space(), inner, rules_.text(end)});
}

NodeId JsonRules::comma() { return rules_.sequence({rules_.text(","), space()}); }

NodeId JsonRules::member(NodeId key, NodeId value) {
  return rules_.sequence({key, space(), rules_.text(":"), space(), value, space()});
}

NodeId JsonRules::make_object() {
  const NodeId pair = rules_.named("member", member(any_string(), any_value()));
  const NodeId more = rules_.star(rules_.sequence({comma(), pair}));
  return between('{', rules_.optional(rules_.sequence({pair, more})), '}');
}

NodeId JsonRules::make_array() {
  const NodeId item = rules_.sequence({any_value(), space()});
  const NodeId more = rules_.star(rules_.sequence({comma(), item}));
  return between('[', rules_.optional(rules_.sequence({item, more})), ']');
}

NodeId JsonRules::make_string() {
  return rules_.sequence({rules_.text("\""), rules_.star(any_character()), rules_.text("\"")});
}

NodeId JsonRules::make_rest_of_string() {
  return rules_.sequence({rules_.star(any_character()), rules_.text("\"")});
}

NodeId JsonRules::make_integer() {
  const NodeId digits = rules_.repeat(rules_.byte('0', '9'), 0, 19);
  return rules_.sequence(
      {rules_.optional(rules_.text("-")),
       rules_.choice({rules_.text("0"), rules_.sequence({rules_.byte('1', '9'), digits})})});
}

NodeId JsonRules::make_number() {
  const NodeId any = rules_.byte('0', '9');
  const NodeId fraction = rules_.sequence({rules_.text("."), rules_.repeat(any, 1, 20)});
  const NodeId e = rules_.choice({rules_.text("e"), rules_.text("E")});
  // "07", "7", "123", "279": never beyond what a double holds.
  const NodeId zero = rules_.optional(rules_.text("0"));
  const NodeId large =
      rules_.choice({rules_.repeat(any, 1, 2), rules_.sequence({zero, rules_.repeat(any, 2, 2)}),
                     rules_.sequence({rules_.text("1"), any, any}),
                     rules_.sequence({rules_.text("2"), rules_.byte('0', '7'), any})});
  const NodeId exponent = rules_.sequence(
      {e, rules_.choice({rules_.sequence({rules_.optional(rules_.text("+")), large}),
                         rules_.sequence({rules_.text("-"), rules_.repeat(any, 1, 3)})})});
  return rules_.sequence({any_integer(), rules_.optional(fraction), rules_.optional(exponent)});
}

NodeId JsonRules::digit(unsigned low, unsigned high) {
  std::vector<NodeId> parts;
  const auto byte = [&](unsigned first, unsigned last, unsigned base) {
    parts.push_back(rules_.byte(static_cast<std::uint8_t>(base + first),
                                static_cast<std::uint8_t>(base + last)));
  };
  if (low <= 9) byte(low, std::min(high, 9u), '0');
  if (high >= 10) {
    byte(std::max(low, 10u), high, 'a' - 10);
    byte(std::max(low, 10u), high, 'A' - 10);
  }
  return rules_.choice(parts);
}

// Of a range that has one form: "\uXXXX" without the backslash, or a pair of them.
NodeId JsonRules::hexadecimal(const CharRange& range) {
  std::vector<NodeId> parts;
  const auto four = [&](std::uint32_t first, std::uint32_t last) {
    std::vector<NodeId> digits{rules_.text("u")};
    for (int shift = 12; shift >= 0; shift -= 4) {
      digits.push_back(digit(first >> shift & 15, last >> shift & 15));
    }
    return rules_.sequence(digits);
  };
  const auto all = [&](std::uint32_t first, std::uint32_t last) {
    std::vector<NodeId> pieces;
    split_hexadecimal(first, last,
                      [&](std::uint32_t a, std::uint32_t b) { pieces.push_back(four(a, b)); });
    return rules_.choice(pieces);
  };
  if (range.last <= 0xffff) return all(range.first, range.last);
  const std::uint32_t first = range.first - 0x10000, last = range.last - 0x10000;
  const auto pairs = [&](std::uint32_t a, std::uint32_t b, std::uint32_t from, std::uint32_t to) {
    if (a > b) return;
    parts.push_back(rules_.sequence(
        {all(0xd800 + a, 0xd800 + b), rules_.text("\\"), all(0xdc00 + from, 0xdc00 + to)}));
  };
  std::uint32_t a = first >> 10, b = last >> 10;
  if (a == b) {
    pairs(a, b, first & 1023, last & 1023);
    return rules_.choice(parts);
  }
  if ((first & 1023) != 0) pairs(a, a, first & 1023, 1023), ++a;
  if ((last & 1023) != 1023) {
    pairs(b, b, 0, last & 1023);
    if (b == a) return rules_.choice(parts);
    --b;
  }
  pairs(a, b, 0, 1023);
  return rules_.choice(parts);
}

NodeId JsonRules::escaped(const CharSet& set) {
  std::vector<NodeId> parts;
  for (const ShortEscape& e : kShort) {
    if (set.contains(e.character)) parts.push_back(rules_.text(std::string_view(&e.letter, 1)));
  }
  const CharSet low = set.both({0, 0xffff}), high = set.both({0x10000, 0x10ffff});
  for (const CharRange& range : low.ranges()) parts.push_back(hexadecimal(range));
  for (const CharRange& range : high.ranges()) parts.push_back(hexadecimal(range));
  return rules_.sequence({rules_.text("\\"), rules_.choice(parts)});
}

NodeId JsonRules::make_usual_escapes() {
  CharSet set = escaped_chars();
  return escaped(set);
}

NodeId JsonRules::character(const CharSet& set) {
  const auto known = characters_.find(set);
  if (known != characters_.end()) return known->second;
  std::vector<NodeId> parts;
  const CharSet plain = set.both(plain_chars());
  if (!plain.empty()) parts.push_back(rules_.character(plain));
  CharSet written = set.both(escaped_chars());
  if (written == escaped_chars()) {
    parts.push_back(as_rule(usual_escapes_, "escape", &JsonRules::make_usual_escapes));
  } else {
    if (set.contains('/')) written.add('/', '/');
    if (!written.empty()) parts.push_back(escaped(written));
  }
  const NodeId node = rules_.choice(parts);
  characters_.emplace(set, node);
  return node;
}

NodeId JsonRules::any_character() {
  if (!any_character_) {
    any_character_ = rules_.choice({rules_.character(plain_chars()), escaped(CharSet::all())});
  }
  return *any_character_;
}

NodeId JsonRules::string(std::string_view text) {
  std::vector<NodeId> parts{rules_.text("\"")};
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    parts.push_back(character({c.code, c.code}));
    text.remove_prefix(c.length);
  }
  parts.push_back(rules_.text("\""));
  return rules_.sequence(parts);
}

}  // namespace lathe
