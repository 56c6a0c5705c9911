#include "constraint/shortest_ends.h"

#include <algorithm>

namespace lathe {
namespace {

constexpr int kDeepest = 4000;  // nested rules

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t kMost = ShortestEnds::kNone;
  return a >= kMost - b ? kMost : a + b;
}

std::uint64_t times(std::uint64_t a, std::uint64_t n) noexcept {
  constexpr std::uint64_t kMost = ShortestEnds::kNone;
  return n != 0 && a > kMost / n ? kMost : a * n;
}

std::uint64_t key_of(RuleId rule, ConfigId origin) noexcept {
  return (std::uint64_t{rule} << 32) | origin;
}

}  // namespace

ShortestEnds::ShortestEnds(Recognizer& recognizer)
    : recognizer_(recognizer),
      program_(recognizer.program()),
      states_(program_.states.size(), kNone),
      loops_(program_.loops.size()) {
  find_distances();
}

// Bellman and Ford's relaxation. Targets mostly have higher numbers than what leads to them.
void ShortestEnds::find_distances() {
  for (bool changed = true; changed;) {
    changed = false;
    for (StateId id = static_cast<StateId>(program_.states.size()); id-- > 0;) {
      if (improve(id)) changed = true;
    }
  }
}

bool ShortestEnds::improve(StateId id) {
  const State& state = program_.states[id];
  LoopEnds& loop = loops_[state.loop];
  bool changed = false;
  const auto lower = [&](std::uint64_t& value, std::uint64_t to) {
    changed = changed || to < value;
    value = std::min(value, to);
  };
  if (state.accepts) lower(states_[id], 0);
  if (state.accepts_at_loop_end) {
    lower(states_[id], 0);
    lower(loop.behind, 0);
  }
  const auto take = [&](const Step& step, std::uint64_t bytes) {
    switch (step.when) {
      case When::kAlways:
        lower(states_[id], cost(step, bytes, state.loop));
        break;
      case When::kRoundFollows:  // here a round ends
        lower(states_[id], 0);
        lower(loop.round, sum(bytes, states_[step.target]));
        break;
      case When::kLoopEnds:
        lower(states_[id], 0);
        lower(loop.behind, sum(bytes, to_end(step.target, 0)));
        break;
    }
  };
  for (const ByteStep& step : program_.bytes(state)) take(step.step, 1);
  for (const UseStep& use : program_.uses(state)) {
    take(use.step, to_end(program_.starts[use.rule], 0));
  }
  return changed;
}

// Within a loop the end is that of the round.
std::uint64_t ShortestEnds::cost(const Step& step, std::uint64_t bytes, std::uint32_t loop) const {
  return sum(bytes, loop != 0 ? states_[step.target] : to_end(step.target, 0));
}

std::uint64_t ShortestEnds::to_end(StateId id, std::uint32_t counter) const {
  const std::uint32_t index = program_.states[id].loop;
  if (index == 0) return states_[id];
  const std::uint32_t min = program_.loops[index].min;
  const std::uint64_t rounds = min > counter + 1 ? min - counter - 1 : 0;
  return sum(sum(states_[id], times(rounds > 0 ? loops_[index].round : 0, rounds)),
             loops_[index].behind);
}

std::uint64_t ShortestEnds::bytes(ConfigId at) {
  if (const auto known = places_.find(at); known != places_.end()) return known->second;
  std::uint64_t least = recognizer_.complete(at) ? 0 : kNone;
  const std::vector<Item> items(recognizer_.items(at).begin(), recognizer_.items(at).end());
  for (const Item& item : items) {
    if (least == 0) break;
    least =
        std::min(least, sum(to_end(item.state, item.counter), behind(item.rule, item.origin, 0)));
  }
  places_.emplace(at, least);
  return least;
}

std::uint64_t ShortestEnds::behind(RuleId rule, ConfigId origin, int depth) {
  if (origin == Recognizer::kOutside) return 0;
  const std::uint64_t key = key_of(rule, origin);
  if (!behind_.contains(key)) find_behind(rule, origin, depth);
  return behind_.at(key);
}

// Rules that began at one place may wait for each other; all others that are waited for began
// before.
void ShortestEnds::find_behind(RuleId rule, ConfigId origin, int depth) {
  std::vector<RuleId> rules{rule};
  behind_.emplace(key_of(rule, origin), kNone);
  if (depth > kDeepest) return;
  const auto waiting = [&](RuleId of) {
    const std::span<const Item> items = recognizer_.waiting(of, origin);
    return std::vector<Item>(items.begin(), items.end());
  };
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (const Item& item : waiting(rules[i])) {
      if (item.origin == origin && behind_.emplace(key_of(item.rule, origin), kNone).second) {
        rules.push_back(item.rule);
      }
    }
  }
  for (bool changed = true; changed;) {
    changed = false;
    for (const RuleId of : rules) {
      std::uint64_t least = behind_.at(key_of(of, origin));
      for (const Item& item : waiting(of)) {
        const std::uint64_t rest = item.origin == origin
                                       ? behind_.at(key_of(item.rule, origin))
                                       : behind(item.rule, item.origin, depth + 1);
        least = std::min(least, sum(to_end(item.state, item.counter), rest));
      }
      std::uint64_t& known = behind_.at(key_of(of, origin));
      changed = changed || least < known;
      known = least;
    }
  }
}

}  // namespace lathe
