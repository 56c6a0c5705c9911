// A grammar as its reader builds it: rules over bytes, each an expression.
//
//   Rules rules;
//   const RuleId root = rules.add("root");
//   rules.define(root, rules.sequence({rules.text("- "), rules.repeat(word, 1, kUnbounded)}));
//
// Expressions are nodes of one pool and may be used at several places. What is built is bounded:
// kLimit beyond kMaxNodes. Belongs to one thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/char_set.h"

namespace lathe {

using NodeId = std::uint32_t;
using RuleId = std::uint32_t;

inline constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();

enum class NodeKind : std::uint8_t {
  kNothing,   // no text at all
  kByte,      // a byte from `low` to `high`
  kSequence,  // its children one after the other; without any, the empty text
  kChoice,    // one of its children
  kRepeat,    // its child, `min` to `max` times
  kRule,      // what the rule `min` derives
};

struct Node {
  NodeKind kind = NodeKind::kNothing;
  std::uint8_t low = 0, high = 0;
  std::uint32_t first = 0, count = 0;  // children
  std::uint32_t min = 0, max = 0;
};

class Rules {
 public:
  static constexpr std::size_t kMaxNodes = std::size_t{1} << 22;

  NodeId nothing() { return add_node({}); }
  NodeId empty() { return sequence({}); }
  NodeId byte(std::uint8_t low, std::uint8_t high);
  NodeId text(std::string_view bytes);
  // A character of the set, in UTF-8.
  NodeId character(const CharSet& set);
  NodeId sequence(std::span<const NodeId> parts);
  NodeId sequence(std::initializer_list<NodeId> parts) { return sequence(std::span(parts)); }
  NodeId choice(std::span<const NodeId> parts);
  NodeId choice(std::initializer_list<NodeId> parts) { return choice(std::span(parts)); }
  // min ≤ max; kUnbounded is no bound.
  NodeId repeat(NodeId part, std::uint32_t min, std::uint32_t max);
  NodeId optional(NodeId part) { return repeat(part, 0, 1); }
  NodeId star(NodeId part) { return repeat(part, 0, kUnbounded); }
  NodeId rule(RuleId rule);

  RuleId add(std::string name);
  void define(RuleId rule, NodeId body) { bodies_[rule] = body; }
  // A rule of its own for an expression, and its use.
  NodeId named(std::string name, NodeId body);
  void set_root(RuleId rule) noexcept { root_ = rule; }

  RuleId root() const noexcept { return root_; }
  std::size_t rule_count() const noexcept { return bodies_.size(); }
  const std::string& name(RuleId rule) const noexcept { return names_[rule]; }
  NodeId body(RuleId rule) const noexcept { return bodies_[rule]; }
  std::size_t node_count() const noexcept { return nodes_.size(); }
  const Node& node(NodeId id) const noexcept { return nodes_[id]; }
  std::span<const NodeId> children(const Node& node) const noexcept {
    return std::span(children_).subspan(node.first, node.count);
  }

 private:
  NodeId add_node(Node node);
  NodeId add_parent(NodeKind kind, std::span<const NodeId> parts);

  std::vector<Node> nodes_;
  std::vector<NodeId> children_;
  std::vector<NodeId> bodies_;  // by rule
  std::vector<std::string> names_;
  RuleId root_ = 0;
};

}  // namespace lathe
