#include "constraint/open_states.h"

#include <algorithm>

namespace lathe {
namespace {

constexpr int kSweeps = 32;
// Nothing is said of states that lead to more.
constexpr std::size_t kMostStates = 512;
constexpr std::size_t kAny = static_cast<std::size_t>(CharKind::kAny);
constexpr std::size_t kBeyond = static_cast<std::size_t>(CharKind::kBeyond);

// Loops that count are asked for their counter later.
bool may_follow(const Step& step) noexcept { return step.when != When::kLoopEnds; }

bool reads(std::span<const ByteStep> steps, std::uint8_t byte) noexcept {
  return std::ranges::any_of(
      steps, [&](const ByteStep& step) { return step.low <= byte && byte <= step.high; });
}

// The least of `least` and what the bytes from `low` to `high` lead to by their best steps.
template <typename Pair, typename By>
Pair least_of(std::span<const ByteStep> steps, unsigned low, unsigned high, Pair least, By&& by) {
  for (unsigned byte = low; byte <= high;) {
    unsigned until = high;  // up to there all is as for this byte
    Pair best{};
    for (const ByteStep& step : steps) {
      if (step.low > byte) {
        until = std::min(until, step.low - 1u);
        break;  // in order
      }
      if (step.high < byte || !may_follow(step.step)) continue;
      until = std::min<unsigned>(until, step.high);
      const Pair length = by(step.step, byte);
      for (std::size_t k = 0; k < best.size(); ++k) best[k] = std::max(best[k], length[k]);
    }
    for (std::size_t k = 0; k < best.size(); ++k) least[k] = std::min(least[k], best[k]);
    byte = until + 1;
  }
  return least;
}

}  // namespace

std::uint8_t OpenStates::length(StateId state, CharKind kind) {
  if (kind == CharKind::kNone) return 0;
  const auto k = static_cast<std::size_t>(kind);
  std::uint8_t out = known(state)[k];
  // What can be read inside of a rule can be read where it is used. Only what bytes say of the rule
  // is asked: rules that begin with each other would say it of themselves.
  for (const UseStep& use : program_.uses(program_.states[state])) {
    if (may_follow(use.step)) out = std::max(out, known(program_.starts[use.rule])[k]);
  }
  return out;
}

const OpenStates::Lengths& OpenStates::known(StateId state) {
  if (!known_[state]) explore(state);
  return lengths_[state];
}

// The greatest solution: from "everything" down, until nothing changes. Targets mostly have higher
// numbers than what leads to them. States inside of a character are looked through.
void OpenStates::explore(StateId state) {
  std::vector<StateId> reached{state}, candidates;
  known_[state] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const std::span<const ByteStep> steps = program_.bytes(program_.states[reached[i]]);
    if ((reads(steps, 'e') && reads(steps, 'z')) || reads(steps, 0xc3)) {
      candidates.push_back(reached[i]);
    }
    for (const ByteStep& step : steps) {
      if (known_[step.step.target]) continue;
      known_[step.step.target] = true;
      reached.push_back(step.step.target);
    }
    if (reached.size() <= kMostStates) continue;
    for (const StateId id : reached) known_[id] = id == state;
    return;
  }
  std::sort(candidates.begin(), candidates.end());
  const std::vector<StateId> all = candidates;
  for (const StateId id : candidates) lengths_[id].fill(kEndless);
  bool changed = true;
  for (int sweep = 0; changed && sweep < kSweeps; ++sweep) {
    changed = false;
    for (std::size_t i = candidates.size(); i-- > 0;) {
      const Lengths now = evaluate(candidates[i]);
      changed |= now != lengths_[candidates[i]];
      lengths_[candidates[i]] = now;
    }
    std::erase_if(candidates, [&](StateId id) { return lengths_[id] == Lengths{}; });
  }
  if (!changed) return;
  for (const StateId id : all) lengths_[id] = {};
}

std::uint8_t OpenStates::behind(StateId state, StateId target, std::size_t kind) const {
  std::uint8_t length = lengths_[target][kind];
  const std::uint32_t loop = program_.states[target].loop;
  const std::uint32_t max = program_.loops[loop].max;
  if (loop != 0 && loop != program_.states[state].loop && max < length + 2u) {
    length = static_cast<std::uint8_t>(max < 2 ? 0 : max - 2);
  }
  return length >= kEndless - 1 ? kEndless : static_cast<std::uint8_t>(length + 1);
}

OpenStates::Lengths OpenStates::evaluate(StateId state) const {
  std::array<Lengths, 128> best{};
  for (const ByteStep& step : program_.bytes(program_.states[state])) {
    if (!may_follow(step.step) || step.low >= 128) continue;
    Lengths length;
    for (std::size_t k = 0; k < kKinds; ++k) length[k] = behind(state, step.step.target, k);
    for (unsigned c = step.low; c <= step.high && c < 128; ++c) {
      for (std::size_t k = 0; k < kKinds; ++k) best[c][k] = std::max(best[c][k], length[k]);
    }
  }
  Lengths out;
  out.fill(kEndless);
  for (unsigned c = ' '; c < 128; ++c) {
    for (std::size_t k = 0; k < kBeyond; ++k) {
      if (is_of(static_cast<CharKind>(k), c)) out[k] = std::min(out[k], best[c][k]);
    }
  }
  const Pair others = beyond_ascii(state);
  out[kAny] = std::min(out[kAny], others[0]);
  out[kBeyond] = others[1];
  return out;
}

OpenStates::Pair OpenStates::beyond_ascii(StateId state) const {
  // Leads of one group have the same bytes behind them.
  constexpr std::array<std::uint8_t, 14> kGroups = {0xc2, 0xc3, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4,
                                                    0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5};
  Pair least = {kEndless, kEndless};
  const std::span<const ByteStep> steps = program_.bytes(program_.states[state]);
  for (std::size_t i = 0; i + 1 < kGroups.size() && least[1] > 0; ++i) {
    const CharBytes bytes = CharBytes::behind_lead(kGroups[i]);
    least = least_of(steps, kGroups[i], kGroups[i + 1] - 1u, least,
                     [&](const Step& step, unsigned) { return continued(step.target, bytes); });
  }
  return least;
}

OpenStates::Pair OpenStates::continued(StateId state, const CharBytes& bytes) const {
  Pair least = {kEndless, kEndless};
  const std::span<const ByteStep> steps = program_.bytes(program_.states[state]);
  const auto by = [&](const Step& step, unsigned byte) {
    if (bytes.left > 1)
      return continued(step.target, bytes.behind(static_cast<std::uint8_t>(byte)));
    return Pair{behind(state, step.target, kAny), behind(state, step.target, kBeyond)};
  };
  if (bytes.apart == 0) return least_of(steps, bytes.low, bytes.high, least, by);
  for (unsigned byte = bytes.low; byte <= bytes.high && least[1] > 0; ++byte) {
    if (!bytes.leaves_out(static_cast<std::uint8_t>(byte))) {
      least = least_of(steps, byte, byte, least, by);
    }
  }
  return least;
}

}  // namespace lathe
