// Two steps: expressions become an automaton with empty edges (Thompson's construction), of which
// every state that is reached by a byte or a use gets what it reaches through them.
#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/fail.h"
#include "constraint/lengths.h"
#include "constraint/program.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxEdges = std::size_t{1} << 23;
constexpr int kMaxDepth = 2000;
// Repetitions of no more parts than this are unrolled; inside of a loop that counts, more are.
constexpr std::uint64_t kUnroll = 32, kUnrollInside = 4096;

struct Edge {
  enum class Kind : std::uint8_t { kEmpty, kEnter, kRound, kLeave, kByte, kUse } kind{};
  std::uint8_t low = 0, high = 0;
  std::uint32_t rule = 0;
  std::uint32_t target = 0;
};

class Compiler {
 public:
  explicit Compiler(const Rules& rules) : rules_(rules), lengths_(rules) {}

  Program run() {
    const NodeId root = rules_.body(rules_.root());
    program_.loops.push_back({});
    program_.derives_nothing = !lengths_.derives(root);
    program_.accepts_empty = lengths_.derives_empty(root);
    rule_of(rules_.root());
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
      const Body body = bodies_[i];
      loop_ = 0;
      const std::uint32_t start = new_point(), end = new_point();
      ends_.resize(end + 1, false);
      ends_[end] = true;
      if (lengths_.derives_bytes(body.node)) build_body(body, start, end);
      program_.starts.push_back(state_of(start));
    }
    close();
    mark_last_uses();
    find_classes();
    return std::move(program_);
  }

 private:
  // A rule of the program: one of the grammar, or a repetition inside of another.
  struct Body {
    NodeId node;
    bool is_loop;
    std::uint32_t min, max;
  };

  // ---- expressions to edges

  std::uint32_t new_point() {
    edges_.emplace_back();
    loop_of_.push_back(loop_);
    if (edges_.size() > kMaxEdges) too_large();
    return static_cast<std::uint32_t>(edges_.size() - 1);
  }
  void connect(std::uint32_t from, Edge edge) {
    edges_[from].push_back(edge);
    if (++edge_count_ > kMaxEdges) too_large();
  }
  void connect(std::uint32_t from, Edge::Kind kind, std::uint32_t to) {
    connect(from, {.kind = kind, .target = to});
  }
  [[noreturn]] static void too_large() {
    fail(ErrorCode::kLimit,
         "the grammar is too large: its automaton has more than {} edges; counts that stand "
         "inside of other counts are unrolled",
         kMaxEdges);
  }

  RuleId rule_of(RuleId rule) {
    const auto [at, fresh] = rule_ids_.emplace(rule, static_cast<RuleId>(bodies_.size()));
    if (fresh) bodies_.push_back({rules_.body(rule), false, 0, 0});
    return at->second;
  }

  void build_body(const Body& body, std::uint32_t from, std::uint32_t to) {
    if (body.is_loop) {
      repeat(body.node, body.min, body.max, from, to);
    } else {
      build(body.node, from, to);
    }
  }

  // Paths from one point to another, for every text of the expression.
  void build(NodeId id, std::uint32_t from, std::uint32_t to) {
    if (!lengths_.derives(id)) return;
    const Node& node = rules_.node(id);
    if (++depth_ > kMaxDepth) fail(ErrorCode::kLimit, "the grammar is nested too deeply");
    switch (node.kind) {
      case NodeKind::kNothing:
        break;
      case NodeKind::kByte:
        connect(from, {Edge::Kind::kByte, node.low, node.high, 0, to});
        break;
      case NodeKind::kSequence:
        sequence(rules_.children(node), from, to);
        break;
      case NodeKind::kChoice:
        for (const NodeId child : rules_.children(node)) build(child, from, to);
        break;
      case NodeKind::kRepeat: {
        const NodeId child = rules_.children(node).front();
        // Rounds that may be empty fill up any number of them.
        const std::uint32_t min = lengths_.derives_empty(child) ? 0 : node.min;
        if (min == 0) connect(from, Edge::Kind::kEmpty, to);
        repeat(child, std::max(min, 1u), node.max, from, to);
        break;
      }
      case NodeKind::kRule:
        use(node.min, from, to);
        if (lengths_.derives_empty(id)) connect(from, Edge::Kind::kEmpty, to);
        break;
    }
    --depth_;
  }

  // The same for its texts of at least a byte.
  void build_bytes(NodeId id, std::uint32_t from, std::uint32_t to) {
    if (!lengths_.derives_bytes(id)) return;
    if (!lengths_.derives_empty(id)) {
      build(id, from, to);
      return;
    }
    const Node& node = rules_.node(id);
    if (++depth_ > kMaxDepth) fail(ErrorCode::kLimit, "the grammar is nested too deeply");
    switch (node.kind) {
      case NodeKind::kSequence: {
        // One of the parts is the first that is not empty; those behind it may be.
        const std::span<const NodeId> parts = rules_.children(node);
        std::uint32_t before = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
          const std::uint32_t after = i + 1 == parts.size() ? to : new_point();
          build_bytes(parts[i], from, after);
          if (i > 0) build(parts[i], before, after);
          before = after;
        }
        break;
      }
      case NodeKind::kChoice:
        for (const NodeId child : rules_.children(node)) build_bytes(child, from, to);
        break;
      case NodeKind::kRepeat: {
        const NodeId child = rules_.children(node).front();
        repeat(child, lengths_.derives_empty(child) ? 1 : std::max(node.min, 1u), node.max, from,
               to);
        break;
      }
      case NodeKind::kRule:
        use(node.min, from, to);
        break;
      case NodeKind::kNothing:
      case NodeKind::kByte:
        break;
    }
    --depth_;
  }

  void use(RuleId rule, std::uint32_t from, std::uint32_t to) {
    if (!lengths_.derives_bytes(rules_.body(rule))) return;
    connect(from, {.kind = Edge::Kind::kUse, .rule = rule_of(rule), .target = to});
  }

  void sequence(std::span<const NodeId> parts, std::uint32_t from, std::uint32_t to) {
    if (parts.empty()) {
      connect(from, Edge::Kind::kEmpty, to);
      return;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const std::uint32_t next = i + 1 == parts.size() ? to : new_point();
      build(parts[i], from, next);
      from = next;
    }
  }

  // min ≥ 1 rounds of at least a byte each, up to max.
  void repeat(NodeId round, std::uint32_t min, std::uint32_t max, std::uint32_t from,
              std::uint32_t to) {
    if (max == 0 || !lengths_.derives_bytes(round)) return;
    const bool endless = max == kUnbounded;
    const std::uint64_t rounds = endless ? min : max;
    const std::uint64_t size = size_of(round);
    const bool unrolls = rounds <= 1 || size * rounds <= (loop_ != 0 ? kUnrollInside : kUnroll);
    if (unrolls) {
      for (std::uint32_t i = 1; i < rounds; ++i) {
        const std::uint32_t next = new_point();
        build_bytes(round, from, next);
        if (i >= min) connect(next, Edge::Kind::kEmpty, to);
        from = next;
      }
      if (endless) {
        const std::uint32_t head = new_point(), end = new_point();
        connect(from, Edge::Kind::kEmpty, head);
        build_bytes(round, head, end);
        connect(end, Edge::Kind::kEmpty, head);
        connect(end, Edge::Kind::kEmpty, to);
      } else {
        build_bytes(round, from, to);
      }
    } else if (loop_ != 0) {
      const auto [at, fresh] =
          loop_rules_.emplace(std::tuple(round, min, max), static_cast<RuleId>(bodies_.size()));
      if (fresh) bodies_.push_back({round, true, min, max});
      connect(from, {.kind = Edge::Kind::kUse, .rule = at->second, .target = to});
    } else {
      program_.loops.push_back({min, max});
      loop_ = static_cast<std::uint32_t>(program_.loops.size() - 1);
      const std::uint32_t head = new_point(), end = new_point();
      connect(from, Edge::Kind::kEnter, head);
      build_bytes(round, head, end);
      connect(end, Edge::Kind::kRound, head);
      connect(end, Edge::Kind::kLeave, to);
      loop_ = 0;
    }
  }

  // How many parts an expression has, those of rules aside.
  std::uint64_t size_of(NodeId id) {
    const Node& node = rules_.node(id);
    if (node.count == 0) return 1;
    if (const auto known = sizes_.find(id); known != sizes_.end()) return known->second;
    if (++depth_ > kMaxDepth) fail(ErrorCode::kLimit, "the grammar is nested too deeply");
    std::uint64_t size = 0;
    for (const NodeId child : rules_.children(node)) size += size_of(child);
    --depth_;
    if (node.kind == NodeKind::kRepeat) {
      const std::uint64_t rounds = node.max == kUnbounded ? node.min + 1 : node.max;
      size = std::min<std::uint64_t>(size, kUnrollInside + 1) *
             std::min<std::uint64_t>(std::max<std::uint64_t>(rounds, 1), kUnrollInside + 1);
    }
    size = std::min<std::uint64_t>(size, kUnrollInside + 1);
    sizes_.emplace(id, size);
    return size;
  }

  // ---- points to states

  StateId state_of(std::uint32_t point) {
    const auto [at, fresh] = state_ids_.emplace(point, static_cast<StateId>(points_.size()));
    if (fresh) points_.push_back(point);
    return at->second;
  }

  void close() {
    // States appear while others are closed.
    for (std::size_t i = 0; i < points_.size(); ++i) close(points_[i]);
  }

  void close(std::uint32_t point) {
    State state;
    state.loop = loop_of_[point];
    bytes_.clear();
    uses_.clear();
    using Place = std::tuple<std::uint32_t, When, Then>;
    std::vector<Place> agenda{{point, When::kAlways, Then::kKeep}};
    seen_.clear();
    const auto go = [&](std::uint32_t to, When when, Then then) {
      const Place place{to, when, then};
      const std::uint64_t key = (std::uint64_t{to} << 4) | (static_cast<std::uint64_t>(when) << 2) |
                                static_cast<std::uint64_t>(then);
      if (seen_.emplace(key, true).second) agenda.push_back(place);
    };
    while (!agenda.empty()) {
      const auto [at, when, then] = agenda.back();
      agenda.pop_back();
      if (at < ends_.size() && ends_[at]) {
        (when == When::kLoopEnds ? state.accepts_at_loop_end : state.accepts) = true;
      }
      for (const Edge& edge : edges_[at]) {
        switch (edge.kind) {
          case Edge::Kind::kEmpty:
            go(edge.target, when, then);
            break;
          case Edge::Kind::kEnter:
            go(edge.target, when, Then::kReset);
            break;
          case Edge::Kind::kRound:
            go(edge.target, When::kRoundFollows, Then::kCount);
            break;
          case Edge::Kind::kLeave:
            go(edge.target, When::kLoopEnds, Then::kReset);
            break;
          case Edge::Kind::kByte:
            bytes_.push_back({edge.low, edge.high, {state_of(edge.target), when, then}});
            break;
          case Edge::Kind::kUse:
            uses_.push_back({edge.rule, false, {state_of(edge.target), when, then}});
            break;
        }
      }
    }
    store(state);
  }

  void store(State state) {
    const auto unique = [](auto& list) {
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
    };
    unique(bytes_);
    unique(uses_);
    state.bytes = static_cast<std::uint32_t>(program_.byte_steps.size());
    state.byte_count = static_cast<std::uint32_t>(bytes_.size());
    state.uses = static_cast<std::uint32_t>(program_.use_steps.size());
    state.use_count = static_cast<std::uint32_t>(uses_.size());
    program_.byte_steps.insert(program_.byte_steps.end(), bytes_.begin(), bytes_.end());
    program_.use_steps.insert(program_.use_steps.end(), uses_.begin(), uses_.end());
    if (program_.byte_steps.size() + program_.use_steps.size() > kMaxEdges) too_large();
    program_.states.push_back(state);
  }

  void mark_last_uses() {
    for (UseStep& use : program_.use_steps) {
      const State& target = program_.states[use.step.target];
      use.last = !target.goes_on() && target.accepts;
    }
  }

  void find_classes() {
    std::array<bool, 257> begins{};
    for (const ByteStep& step : program_.byte_steps) {
      begins[step.low] = true;
      begins[std::size_t{step.high} + 1] = true;
    }
    std::uint32_t current = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      if (byte > 0 && begins[byte]) ++current;
      program_.class_of[byte] = static_cast<std::uint8_t>(current);
    }
    program_.classes = current + 1;
  }

  const Rules& rules_;
  Lengths lengths_;
  Program program_;
  int depth_ = 0;
  std::uint32_t loop_ = 0;                // that what is built stands in
  std::vector<std::vector<Edge>> edges_;  // by point
  std::vector<std::uint32_t> loop_of_;
  std::vector<bool> ends_;
  std::size_t edge_count_ = 0;
  std::vector<Body> bodies_;
  std::unordered_map<RuleId, RuleId> rule_ids_;
  std::map<std::tuple<NodeId, std::uint32_t, std::uint32_t>, RuleId> loop_rules_;
  std::unordered_map<NodeId, std::uint64_t> sizes_;
  std::unordered_map<std::uint32_t, StateId> state_ids_;
  std::vector<std::uint32_t> points_;  // by state
  std::vector<ByteStep> bytes_;
  std::vector<UseStep> uses_;
  std::unordered_map<std::uint64_t, bool> seen_;
};

}  // namespace

Program compile(const Rules& rules) { return Compiler(rules).run(); }

}  // namespace lathe
