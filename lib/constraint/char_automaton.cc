#include "constraint/char_automaton.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

using Kind = RegexTree::Kind;

constexpr std::size_t kMaxPoints = 200000;

[[noreturn]] void too_large() {
  fail(ErrorCode::kLimit,
       "a pattern, with what else holds for the same text, has more than {} states",
       CharAutomaton::kMaxStates);
}

// Thompson's construction over sets of characters.
class Builder {
 public:
  struct Edge {
    CharSet chars;  // empty: reads nothing
    std::uint32_t target;
  };

  std::uint32_t point() {
    if (points.size() >= kMaxPoints) too_large();
    points.emplace_back();
    return static_cast<std::uint32_t>(points.size() - 1);
  }
  void connect(std::uint32_t from, std::uint32_t to) { points[from].push_back({{}, to}); }

  void build(const RegexTree& tree, std::uint32_t from, std::uint32_t to) {
    switch (tree.kind) {
      case Kind::kChars:
        if (!tree.chars.empty()) points[from].push_back({tree.chars, to});
        break;
      case Kind::kChoice:
        for (const RegexTree& part : tree.parts) build(part, from, to);
        break;
      case Kind::kRepeat:
        repeat(tree, from, to);
        break;
      case Kind::kSequence:
      case Kind::kBegin:
      case Kind::kEnd:
        for (const RegexTree& part : tree.parts) {
          const std::uint32_t next = point();
          build(part, from, next);
          from = next;
        }
        connect(from, to);
        break;
    }
  }

  void repeat(const RegexTree& tree, std::uint32_t from, std::uint32_t to) {
    const RegexTree& round = tree.parts.front();
    for (std::uint32_t i = 0; i < tree.min; ++i) {
      const std::uint32_t next = point();
      build(round, from, next);
      from = next;
    }
    if (tree.max == kUnbounded) {
      const std::uint32_t head = point();
      connect(from, head);
      build(round, head, head);
      from = head;
    } else {
      for (std::uint32_t i = tree.min; i < tree.max; ++i) {
        const std::uint32_t next = point();
        connect(from, to);
        build(round, from, next);
        from = next;
      }
    }
    connect(from, to);
  }

  std::vector<std::vector<Edge>> points;
};

// Cuts sets so that none overlaps another: calls with each piece and the targets that it leads to.
template <typename Target, typename Call>
void for_pieces(const std::vector<std::pair<const CharSet*, Target>>& sets, Call&& call) {
  std::vector<char32_t> cuts;
  for (const auto& [set, target] : sets) {
    for (const CharRange& range : set->ranges()) {
      cuts.push_back(range.first);
      cuts.push_back(range.last + 1);
    }
  }
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::map<std::vector<Target>, CharSet> pieces;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    std::vector<Target> targets;
    for (const auto& [set, target] : sets) {
      if (set->contains(cuts[i])) targets.push_back(target);
    }
    if (targets.empty()) continue;
    std::sort(targets.begin(), targets.end());
    targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
    pieces[targets].add(cuts[i], cuts[i + 1] - 1);
  }
  for (const auto& [targets, chars] : pieces) call(chars, targets);
}

}  // namespace

CharAutomaton CharAutomaton::of(const RegexTree& tree) {
  Builder builder;
  const std::uint32_t begin = builder.point(), end = builder.point();
  builder.build(tree, begin, end);

  CharAutomaton out;
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  std::vector<std::vector<std::uint32_t>> agenda;
  std::vector<char> seen(builder.points.size(), 0);
  const auto state_of = [&](std::vector<std::uint32_t> points) {
    for (const std::uint32_t p : points) seen[p] = 1;
    for (std::size_t i = 0; i < points.size(); ++i) {
      for (const Builder::Edge& edge : builder.points[points[i]]) {
        if (!edge.chars.empty() || seen[edge.target] != 0) continue;
        seen[edge.target] = 1;
        points.push_back(edge.target);
      }
    }
    for (const std::uint32_t p : points) seen[p] = 0;
    std::sort(points.begin(), points.end());
    const auto [at, fresh] = known.emplace(points, static_cast<std::uint32_t>(out.states_.size()));
    if (fresh) {
      if (out.states_.size() >= kMaxStates) too_large();
      out.states_.emplace_back();
      out.states_.back().accepts = std::binary_search(points.begin(), points.end(), end);
      agenda.push_back(std::move(points));
    }
    return at->second;
  };
  state_of({begin});
  for (std::size_t i = 0; i < agenda.size(); ++i) {
    std::vector<std::pair<const CharSet*, std::uint32_t>> sets;
    for (const std::uint32_t p : agenda[i]) {
      for (const Builder::Edge& edge : builder.points[p]) {
        if (!edge.chars.empty()) sets.emplace_back(&edge.chars, edge.target);
      }
    }
    std::vector<Edge> edges;
    for_pieces(sets, [&](const CharSet& chars, const std::vector<std::uint32_t>& targets) {
      edges.push_back({chars, state_of(targets)});
    });
    out.states_[i].edges = std::move(edges);
  }
  return out;
}

CharAutomaton CharAutomaton::of_length(std::uint32_t min, std::uint32_t max) {
  RegexTree any;
  any.kind = Kind::kChars;
  any.chars = CharSet::all();
  RegexTree tree;
  tree.kind = Kind::kRepeat;
  tree.parts.push_back(std::move(any));
  tree.min = min;
  tree.max = max;
  return of(tree);
}

CharAutomaton CharAutomaton::all_but(const std::vector<std::string>& texts) {
  // A tree of the texts; what leaves it is one of the others, and so is its inside.
  struct Node {
    std::map<char32_t, std::uint32_t> children;
    bool ends = false;
  };
  std::vector<Node> tree(1);
  for (std::string_view text : texts) {
    std::uint32_t at = 0;
    while (!text.empty()) {
      const Utf8Char c = decode_utf8(text);
      text.remove_prefix(c.length);
      const auto [child, fresh] =
          tree[at].children.emplace(c.code, static_cast<std::uint32_t>(tree.size()));
      at = child->second;
      if (fresh) tree.emplace_back();
    }
    tree[at].ends = true;
    if (tree.size() > kMaxStates) too_large();
  }
  CharAutomaton out;
  const auto others = static_cast<std::uint32_t>(tree.size());
  for (const Node& node : tree) {
    State state;
    state.accepts = !node.ends;
    CharSet inside;
    for (const auto& [c, child] : node.children) {
      state.edges.push_back({{c, c}, child});
      inside.add(c, c);
    }
    state.edges.push_back({inside.complement(), others});
    out.states_.push_back(std::move(state));
  }
  State any;
  any.accepts = true;
  any.edges.push_back({CharSet::all(), others});
  out.states_.push_back(std::move(any));
  return out;
}

CharAutomaton CharAutomaton::complement() const {
  CharAutomaton out = *this;
  const auto others = static_cast<std::uint32_t>(out.states_.size());
  for (State& state : out.states_) {
    CharSet read;
    for (const Edge& edge : state.edges) read.add(edge.chars);
    if (read != CharSet::all()) state.edges.push_back({read.complement(), others});
    state.accepts = !state.accepts;
  }
  State any;
  any.accepts = true;
  any.edges.push_back({CharSet::all(), others});
  out.states_.push_back(std::move(any));
  return out;
}

CharAutomaton CharAutomaton::both(const CharAutomaton& other) const {
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  CharAutomaton out;
  std::map<Pair, std::uint32_t> known;
  std::vector<Pair> agenda;
  const auto state_of = [&](Pair pair) {
    const auto [at, fresh] = known.emplace(pair, static_cast<std::uint32_t>(agenda.size()));
    if (fresh) {
      if (agenda.size() >= kMaxStates) too_large();
      agenda.push_back(pair);
    }
    return at->second;
  };
  state_of({0, 0});
  for (std::size_t i = 0; i < agenda.size(); ++i) {
    const State &a = states_[agenda[i].first], &b = other.states_[agenda[i].second];
    State state;
    state.accepts = a.accepts && b.accepts;
    for (const Edge& x : a.edges) {
      for (const Edge& y : b.edges) {
        CharSet chars = x.chars.both(y.chars);
        if (!chars.empty())
          state.edges.push_back({std::move(chars), state_of({x.target, y.target})});
      }
    }
    out.states_.push_back(std::move(state));
  }
  return out;
}

CharAutomaton CharAutomaton::with_length(std::uint32_t min, std::uint32_t max) const {
  if (min == 0 && max == kUnbounded) return *this;
  if (std::max(min, max == kUnbounded ? 0 : max) > kMaxStates) too_large();
  return both(of_length(min, max));
}

bool CharAutomaton::accepts(std::string_view text) const {
  std::uint32_t at = 0;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    text.remove_prefix(c.length);
    const auto& edges = states_[at].edges;
    const auto edge = std::find_if(edges.begin(), edges.end(),
                                   [&](const Edge& e) { return e.chars.contains(c.code); });
    if (edge == edges.end()) return false;
    at = edge->target;
  }
  return states_[at].accepts;
}

NodeId CharAutomaton::to_rules(Rules& rules, const std::function<NodeId(const CharSet&)>& character,
                               NodeId end) const {
  std::vector<RuleId> ids;
  for (std::size_t i = 0; i < states_.size(); ++i) ids.push_back(rules.add("pattern"));
  for (std::size_t i = 0; i < states_.size(); ++i) {
    std::vector<NodeId> parts;
    for (const Edge& edge : states_[i].edges) {
      parts.push_back(rules.sequence({character(edge.chars), rules.rule(ids[edge.target])}));
    }
    if (states_[i].accepts) parts.push_back(end);
    rules.define(ids[i], rules.choice(parts));
  }
  return rules.rule(ids.front());
}

}  // namespace lathe
