// JSON's own syntax as rules.
//
// White space stands where JSON has it, in the forms that writers of JSON use: none, one space, or
// a line feed with up to 64 spaces or tabs; so a model can't fill its answer with it. Numbers have
// at most 20 digits before and behind the point, and exponents up to 279, so that every reader
// takes them. Halves of surrogate pairs are no characters.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "constraint/rules.h"

namespace lathe {

class JsonRules {
 public:
  explicit JsonRules(Rules& rules) : rules_(rules) {}

  NodeId space();
  NodeId any_value();
  NodeId any_object();
  NodeId any_array();
  NodeId any_string();
  NodeId any_number();
  NodeId any_integer();
  // A character of a string: as it is, or escaped, where anybody would escape it.
  NodeId character(const CharSet& set);
  // Any character, with each of its escapes.
  NodeId any_character();
  // The rest of any string, with the closing quote.
  NodeId rest_of_string();
  // Exactly this string, quotes included.
  NodeId string(std::string_view text);
  // "{" or "[", what stands between, and the other; `inner` is preceded by white space and does its
  // own behind its last token.
  NodeId between(char open, NodeId inner, char close);
  NodeId comma();
  // `key` : `value`
  NodeId member(NodeId key, NodeId value);

 private:
  NodeId escaped(const CharSet& set);
  NodeId hexadecimal(const CharRange& range);
  NodeId digit(unsigned low, unsigned high);
  NodeId as_rule(std::optional<RuleId>& rule, const char* name, NodeId (JsonRules::*make)());
  NodeId make_space();
  NodeId make_value();
  NodeId make_object();
  NodeId make_array();
  NodeId make_string();
  NodeId make_number();
  NodeId make_integer();
  NodeId make_rest_of_string();
  NodeId make_usual_escapes();

  Rules& rules_;
  std::optional<RuleId> space_, value_, object_, array_, string_, number_, integer_, rest_,
      usual_escapes_;
  std::map<CharSet, NodeId> characters_;
  std::optional<NodeId> any_character_;
};

}  // namespace lathe
