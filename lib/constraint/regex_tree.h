// Regular expressions as trees: ECMAScript's, as JSON Schema writes them, without what is not
// regular (lookaround, references to groups, word boundaries) or not of a grammar (flags).
//
// `.` is any character but line ends (U+000A, U+000D, U+2028, U+2029); \d and \w are ASCII, \s is
// ECMAScript's white space; \p{...} knows general categories. Lazy repetitions are what greedy ones
// are: a language has no preference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/char_set.h"
#include "constraint/rules.h"

namespace lathe {

struct RegexTree {
  enum class Kind : std::uint8_t { kChars, kSequence, kChoice, kRepeat, kBegin, kEnd };

  Kind kind = Kind::kSequence;
  CharSet chars;
  std::vector<RegexTree> parts;
  std::uint32_t min = 0, max = 0;
};

// Throws kInvalid, kUnsupported and kLimit, naming the place in the pattern.
RegexTree read_regex(std::string_view pattern);

// How the ends of a text relate to a pattern.
enum class RegexEnds {
  kWhole,   // the pattern is for the whole text; ^ and $ may stand at its ends
  kSearch,  // it is found somewhere in the text, as JSON Schema's "pattern"
};

// The same without kBegin and kEnd, for the whole text. Throws kUnsupported for anchors elsewhere
// than at the ends of an alternative.
RegexTree without_anchors(RegexTree tree, RegexEnds ends, std::string_view pattern);

// `character` makes a node of a set.
template <typename Character>
NodeId to_rules(const RegexTree& tree, Rules& rules, Character&& character) {
  std::vector<NodeId> parts;
  parts.reserve(tree.parts.size());
  for (const RegexTree& part : tree.parts) parts.push_back(to_rules(part, rules, character));
  switch (tree.kind) {
    case RegexTree::Kind::kChars:
      return character(tree.chars);
    case RegexTree::Kind::kChoice:
      return rules.choice(parts);
    case RegexTree::Kind::kRepeat:
      return rules.repeat(parts.front(), tree.min, tree.max);
    case RegexTree::Kind::kSequence:
    case RegexTree::Kind::kBegin:
    case RegexTree::Kind::kEnd:
      break;
  }
  return rules.sequence(parts);
}

}  // namespace lathe
