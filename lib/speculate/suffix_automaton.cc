#include "speculate/suffix_automaton.h"

#include <algorithm>

namespace lathe {
namespace {

// Between texts: no token is one.
constexpr TokenId kBorder = -1;
constexpr std::size_t kFirstSlots = 64;

}  // namespace

SuffixAutomaton::SuffixAutomaton() : states_(1), table_(kFirstSlots, kNone) {}

void SuffixAutomaton::append(TokenId token) {
  text_.push_back(token);
  const auto end = static_cast<std::uint32_t>(text_.size());
  StateId from = last_;
  last_ = add_state(states_[last_].length + 1, end);
  for (;; from = states_[from].link) {
    const std::uint32_t edge = find(from, token);
    if (edge != kNone) {
      states_[last_].link = split(from, token, edges_[edge].to);
      return;
    }
    connect(from, token, last_);
    if (from == 0) return;  // the link of a new state is the root
  }
}

void SuffixAutomaton::begin_text() {
  if (text_.empty() || text_.back() == kBorder) return;
  text_.push_back(kBorder);
  last_ = 0;
}

SuffixAutomaton::Match SuffixAutomaton::repeated() const noexcept {
  const StateId state = states_[last_].link;
  return {state, states_[state].length};
}

SuffixAutomaton::Match SuffixAutomaton::advance(Match match, TokenId token) const noexcept {
  for (;;) {
    const std::uint32_t edge = find(match.state, token);
    if (edge != kNone) return {edges_[edge].to, match.length + 1};
    if (match.state == 0) return {};
    match.state = states_[match.state].link;
    match.length = states_[match.state].length;
  }
}

std::span<const TokenId> SuffixAutomaton::after(Match match, std::size_t most) const noexcept {
  if (match.length == 0) return {};
  const auto rest = std::span<const TokenId>(text_).subspan(states_[match.state].end);
  const auto followers = rest.first(std::min(most, rest.size()));
  const auto border = std::find(followers.begin(), followers.end(), kBorder);
  return followers.first(static_cast<std::size_t>(border - followers.begin()));
}

void SuffixAutomaton::touch() noexcept {
  states_[states_[last_].link].end = static_cast<std::uint32_t>(text_.size());
}

SuffixAutomaton::StateId SuffixAutomaton::add_state(std::uint32_t length, std::uint32_t end) {
  states_.push_back({.length = length, .end = end});
  return static_cast<StateId>(states_.size() - 1);
}

SuffixAutomaton::StateId SuffixAutomaton::split(StateId from, TokenId token, StateId state) {
  const std::uint32_t length = states_[from].length + 1;
  if (states_[state].length == length) return state;
  const StateId shorter = add_state(length, states_[state].end);
  states_[shorter].link = states_[state].link;
  states_[state].link = shorter;
  for (std::uint32_t i = states_[state].edges; i != kNone; i = edges_[i].next) {
    const Edge edge = edges_[i];
    connect(shorter, edge.token, edge.to);
  }
  for (;; from = states_[from].link) {
    const std::uint32_t edge = find(from, token);
    if (edge == kNone || edges_[edge].to != state) break;
    edges_[edge].to = shorter;
    if (from == 0) break;
  }
  return shorter;
}

std::size_t SuffixAutomaton::slot_of(StateId from, TokenId token) const noexcept {
  const std::uint64_t key =
      (std::uint64_t{from} << 32 | static_cast<std::uint32_t>(token)) * 0x9e3779b97f4a7c15u;
  std::size_t slot = static_cast<std::size_t>(key >> 32) & (table_.size() - 1);
  while (table_[slot] != kNone) {
    const Edge& edge = edges_[table_[slot]];
    if (edge.from == from && edge.token == token) break;
    slot = (slot + 1) & (table_.size() - 1);
  }
  return slot;
}

void SuffixAutomaton::connect(StateId from, TokenId token, StateId to) {
  if ((edges_.size() + 1) * 2 > table_.size()) grow_table();
  const auto edge = static_cast<std::uint32_t>(edges_.size());
  edges_.push_back({from, token, to, states_[from].edges});
  states_[from].edges = edge;
  table_[slot_of(from, token)] = edge;
}

void SuffixAutomaton::grow_table() {
  table_.assign(table_.size() * 2, kNone);
  for (std::size_t i = 0; i < edges_.size(); ++i) {
    table_[slot_of(edges_[i].from, edges_[i].token)] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace lathe
