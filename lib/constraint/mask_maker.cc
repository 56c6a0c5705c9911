#include "constraint/mask_maker.h"

#include <algorithm>
#include <utility>

namespace lathe {
namespace {

// Fewer tokens than this are listed.
constexpr std::size_t kFew = 512;
// Places at which tokens pass a rule's end; below so few, they are not taken apart where they are
// many; and nodes that are taken apart.
constexpr std::size_t kManyEnds = 8192, kFewEnds = 32, kManyNodes = 2048, kMostNodes = 65536;

}  // namespace

std::shared_ptr<const TokenMask> MaskMaker::mask(ConfigId id) {
  if (const auto known = masks_.find(id); known != masks_.end()) return known->second;
  const auto mask = std::make_shared<TokenMask>(vocabulary_.size());
  const std::vector<Item> items(recognizer_.items(id).begin(), recognizer_.items(id).end());
  for (const Item& item : items) {
    const Local& own = local(item);
    if (own.ends_anywhere) return masks_[id] = walk_all(vocabulary_.slices(), id);
    if (own.many != nullptr) mask->add(*own.many);
    for (const TokenId token : own.few) mask->set(token);
    if (own.rests.empty() || item.origin == Recognizer::kOutside) continue;
    const ConfigId next = recognizer_.after(item.rule, item.origin);
    if (next == Recognizer::kDead) continue;
    for (const Rest& rest : own.rests) add_rest(rest, next, *mask);
  }
  mask->end();
  masks_.emplace(id, mask);
  return mask;
}

std::shared_ptr<const TokenMask> MaskMaker::mask_at_beginning(ConfigId id) {
  std::shared_ptr<const TokenMask>& known = beginnings_[id];
  if (known == nullptr) known = walk_all(vocabulary_.slices_at_beginning(), id);
  return known;
}

std::shared_ptr<const TokenMask> MaskMaker::walk_all(const TokenSlices& slices, ConfigId from) {
  const auto mask = std::make_shared<TokenMask>(vocabulary_.size());
  for (const TokenSlice& slice : slices.slices()) walk_.all(slice, from).put(slice, *mask);
  mask->end();
  return mask;
}

void MaskMaker::add_rest(const Rest& rest, ConfigId from, TokenMask& mask) {
  const CharKind kind = rest.slice->kind;
  if (rest.nodes.empty()) walk_.below(rest.trie, 0, from, kind, false).put(rest.trie, mask);
  for (const std::uint32_t node : rest.nodes) {
    walk_.below(rest.slice->trie, node, from, kind, rest.slice->spaced).put(rest.slice->trie, mask);
  }
}

MaskMaker::Key MaskMaker::key_of(const Item& item) const noexcept {
  const Program& program = recognizer_.program();
  const std::uint32_t index = program.states[item.state].loop;
  if (index == 0) return {item.state, 0, 0};
  const Loop& loop = program.loops[index];
  // A token ends no more rounds than it has bytes.
  const auto reach = static_cast<std::uint32_t>(vocabulary_.slices().depth() + 2);
  const std::uint32_t to_min = loop.min > item.counter ? loop.min - item.counter : 0;
  const std::uint32_t to_max = loop.max == kUnbounded ? kUnbounded : loop.max - item.counter;
  return {item.state, std::min(to_min, reach), std::min(to_max, reach)};
}

std::optional<std::size_t> MaskMaker::counts_characters(ConfigId from) {
  const std::optional<ConfigId> first = after_any(recognizer_, from, CharKind::kAny);
  if (!first || recognizer_.items(*first).size() != 1 || recognizer_.complete(*first)) {
    return std::nullopt;
  }
  const Item item = recognizer_.items(*first).front();
  const Program& program = recognizer_.program();
  const State& state = program.states[item.state];
  const Loop& loop = program.loops[state.loop];
  if (item.origin != Recognizer::kOutside || state.loop == 0 || loop.max == kUnbounded) {
    return std::nullopt;
  }
  if (state.accepts || state.accepts_at_loop_end) return std::nullopt;
  const std::optional<ConfigId> second = after_any(recognizer_, *first, CharKind::kAny);
  if (!second || recognizer_.items(*second).size() != 1 || recognizer_.complete(*second)) {
    return std::nullopt;
  }
  const Item next{item.state, item.rule, item.counter + 1, item.origin};
  if (recognizer_.items(*second).front() != next) return std::nullopt;
  for (const UseStep& use : program.uses(state)) {
    if (use.step.when != When::kRoundFollows) return std::nullopt;
  }
  for (const ByteStep& step : program.bytes(state)) {
    if (step.step.when == When::kRoundFollows) continue;
    for (unsigned byte = step.low; byte <= step.high; ++byte) {
      if (byte >= 128 || is_of(CharKind::kAny, byte)) return std::nullopt;
    }
  }
  return loop.max - item.counter;
}

const MaskMaker::Local& MaskMaker::local(const Item& item) {
  std::unique_ptr<Local>& known = locals_[key_of(item)];
  if (known != nullptr) return *known;
  auto made = std::make_unique<Local>();
  find_local(item, *made);
  if (made->ends_anywhere) *made = {.many = {}, .few = {}, .rests = {}, .ends_anywhere = true};
  bytes_ += made->few.size() * sizeof(TokenId) + sizeof(Local);
  if (made->many != nullptr) bytes_ += made->many->bytes();
  for (const Rest& rest : made->rests) bytes_ += rest.trie.bytes() + 4 * rest.nodes.size();
  known = std::move(made);
  return *known;
}

void MaskMaker::find_local(const Item& item, Local& out) {
  const ConfigId from = recognizer_.alone(item.state, item.counter);
  const std::optional<std::size_t> characters = counts_characters(from);
  if (characters) out.many = std::make_unique<TokenMask>(vocabulary_.slices().runs(*characters));
  std::vector<std::pair<const TokenSlice*, TokenRanges>> allowed;
  std::size_t count = 0;
  for (const TokenSlice& slice : vocabulary_.slices().slices()) {
    if (characters && slice.kind != CharKind::kNone) continue;
    Rest rest{&slice, {}, {}};
    std::size_t below = 0;
    const TokenRanges ranges = walk_.with_ends(slice, from, [&](std::uint32_t node) {
      const std::size_t nodes = slice.trie.node(node).next - node - 1;
      if (nodes == 0) return true;
      rest.nodes.push_back(node);
      below += nodes;
      const bool few = rest.nodes.size() <= kFewEnds;
      out.ends_anywhere = rest.nodes.size() > kManyEnds || (!few && below > kMostNodes);
      return !out.ends_anywhere;
    });
    if (out.ends_anywhere) return;
    count += ranges.count();
    allowed.emplace_back(&slice, ranges);
    if (rest.nodes.empty()) continue;
    if (rest.nodes.size() > kFewEnds || below <= kManyNodes) {
      rest.trie = TokenTrie(slice.trie, std::exchange(rest.nodes, {}));
    }
    out.rests.push_back(std::move(rest));
  }
  if (out.many == nullptr && count > kFew) {
    const TokenMask& runs = vocabulary_.slices().all_runs();
    const bool all = std::ranges::all_of(allowed, [](const auto& entry) {
      return entry.first->kind == CharKind::kNone ||
             entry.second.count() == entry.first->trie.token_count();
    });
    if (all)
      std::erase_if(allowed,
                    [](const auto& entry) { return entry.first->kind != CharKind::kNone; });
    out.many =
        all ? std::make_unique<TokenMask>(runs) : std::make_unique<TokenMask>(vocabulary_.size());
  }
  for (const auto& [slice, ranges] : allowed) {
    if (out.many != nullptr) {
      ranges.put(*slice, *out.many);
    } else {
      ranges.append_to(out.few, slice->trie);
    }
  }
}

}  // namespace lathe
