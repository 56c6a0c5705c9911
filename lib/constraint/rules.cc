#include "constraint/rules.h"

#include "base/fail.h"
#include "constraint/utf8_ranges.h"

namespace lathe {

NodeId Rules::add_node(Node node) {
  if (nodes_.size() >= kMaxNodes || children_.size() >= 4 * kMaxNodes) {
    fail(ErrorCode::kLimit, "the grammar is too large: it has more than {} parts", kMaxNodes);
  }
  nodes_.push_back(node);
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId Rules::add_parent(NodeKind kind, std::span<const NodeId> parts) {
  Node node{.kind = kind};
  node.first = static_cast<std::uint32_t>(children_.size());
  node.count = static_cast<std::uint32_t>(parts.size());
  children_.insert(children_.end(), parts.begin(), parts.end());
  return add_node(node);
}

NodeId Rules::byte(std::uint8_t low, std::uint8_t high) {
  return add_node({.kind = NodeKind::kByte, .low = low, .high = high});
}

NodeId Rules::text(std::string_view bytes) {
  std::vector<NodeId> parts;
  parts.reserve(bytes.size());
  for (const char c : bytes) {
    parts.push_back(byte(static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c)));
  }
  return sequence(parts);
}

NodeId Rules::character(const CharSet& set) {
  std::vector<NodeId> parts;
  for (const CharRange& range : set.ranges()) {
    for_utf8_ranges(range, [&](std::span<const ByteRange> bytes) {
      std::vector<NodeId> sequence_parts;
      for (const ByteRange& b : bytes) sequence_parts.push_back(byte(b.low, b.high));
      parts.push_back(sequence(sequence_parts));
    });
  }
  return choice(parts);
}

NodeId Rules::sequence(std::span<const NodeId> parts) {
  if (parts.size() == 1) return parts.front();
  return add_parent(NodeKind::kSequence, parts);
}

NodeId Rules::choice(std::span<const NodeId> parts) {
  if (parts.size() == 1) return parts.front();
  return add_parent(NodeKind::kChoice, parts);
}

NodeId Rules::repeat(NodeId part, std::uint32_t min, std::uint32_t max) {
  const NodeId parts[] = {part};
  const NodeId id = add_parent(NodeKind::kRepeat, parts);
  nodes_[id].min = min;
  nodes_[id].max = max;
  return id;
}

NodeId Rules::rule(RuleId rule) { return add_node({.kind = NodeKind::kRule, .min = rule}); }

RuleId Rules::add(std::string name) {
  bodies_.push_back(nothing());
  names_.push_back(std::move(name));
  return static_cast<RuleId>(bodies_.size() - 1);
}

NodeId Rules::named(std::string name, NodeId body) {
  const RuleId id = add(std::move(name));
  define(id, body);
  return rule(id);
}

}  // namespace lathe
