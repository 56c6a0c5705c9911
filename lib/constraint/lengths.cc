#include "constraint/lengths.h"

#include <queue>
#include <utility>

namespace lathe {
namespace {

constexpr std::uint64_t kMost = std::uint64_t{1} << 60;  // longer ones are as long as this

std::uint64_t times(std::uint64_t length, std::uint64_t count) noexcept {
  return length != 0 && count > kMost / length ? kMost : length * count;
}

}  // namespace

// Who is made of whom: the users of each node.
struct Lengths::Graph {
  explicit Graph(const Rules& rules) {
    const auto nodes = static_cast<NodeId>(rules.node_count());
    std::vector<std::uint32_t> sizes(nodes + 1, 0);
    const auto for_edges = [&](auto&& call) {
      for (NodeId id = 0; id < nodes; ++id) {
        const Node& node = rules.node(id);
        for (const NodeId child : rules.children(node)) call(child, id);
        if (node.kind == NodeKind::kRule) call(rules.body(node.min), id);
      }
    };
    for_edges([&](NodeId child, NodeId) { ++sizes[child + 1]; });
    for (NodeId id = 0; id < nodes; ++id) sizes[id + 1] += sizes[id];
    begin = sizes;
    users.resize(begin.back());
    for_edges([&](NodeId child, NodeId user) { users[sizes[child]++] = user; });
  }
  std::span<const NodeId> of(NodeId id) const noexcept {
    return std::span(users).subspan(begin[id], begin[id + 1] - begin[id]);
  }

  std::vector<std::uint32_t> begin;
  std::vector<NodeId> users;
};

Lengths::Lengths(const Rules& rules)
    : shortest_(rules.node_count(), kNone), bytes_(rules.node_count(), 0) {
  const Graph graph(rules);
  find_shortest(rules, graph);
  find_bytes(rules, graph);
}

// Knuth 1977: Dijkstra's algorithm where a node may need several others.
void Lengths::find_shortest(const Rules& rules, const Graph& graph) {
  using Entry = std::pair<std::uint64_t, NodeId>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  const auto nodes = static_cast<NodeId>(rules.node_count());
  std::vector<std::uint64_t> sum(nodes, 0);
  std::vector<std::uint32_t> missing(nodes, 0);
  for (NodeId id = 0; id < nodes; ++id) {
    const Node& node = rules.node(id);
    missing[id] = node.count;
    if (node.kind == NodeKind::kByte) queue.emplace(1, id);
    const bool empty = (node.kind == NodeKind::kSequence && node.count == 0) ||
                       (node.kind == NodeKind::kRepeat && node.min == 0);
    if (empty) queue.emplace(0, id);
  }
  while (!queue.empty()) {
    const auto [length, id] = queue.top();
    queue.pop();
    if (shortest_[id] != kNone) continue;
    shortest_[id] = length;
    for (const NodeId user : graph.of(id)) {
      const Node& node = rules.node(user);
      if (node.kind == NodeKind::kSequence) {
        sum[user] = std::min(kMost, sum[user] + length);
        if (--missing[user] == 0) queue.emplace(sum[user], user);
      } else {
        queue.emplace(node.kind == NodeKind::kRepeat ? times(length, node.min) : length, user);
      }
    }
  }
}

void Lengths::find_bytes(const Rules& rules, const Graph& graph) {
  std::vector<NodeId> found;
  const auto find = [&](NodeId id) {
    if (bytes_[id] != 0 || !derives(id)) return;
    bytes_[id] = 1;
    found.push_back(id);
  };
  for (NodeId id = 0; id < rules.node_count(); ++id) {
    if (rules.node(id).kind == NodeKind::kByte) find(id);
  }
  while (!found.empty()) {
    const NodeId id = found.back();
    found.pop_back();
    for (const NodeId user : graph.of(id)) {
      const Node& node = rules.node(user);
      if (node.kind != NodeKind::kRepeat || node.max > 0) find(user);
    }
  }
}

}  // namespace lathe
