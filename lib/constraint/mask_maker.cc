#include "constraint/mask_maker.h"

#include <algorithm>

namespace lathe {
namespace {

// Fewer tokens than this are listed.
constexpr std::size_t kFew = 512;
// Places at which tokens pass a rule's end.
constexpr std::size_t kManyEnds = 20000;

// Inside of a character: how many bytes are left, and the bounds of the next.
struct Place {
  ConfigId config;
  int left;
  std::uint8_t low, high;
  friend bool operator==(const Place&, const Place&) = default;
};

}  // namespace

template <typename Tokens, typename End>
void MaskMaker::walk(const TokenTrie& trie, ConfigId from, Tokens&& tokens, End&& end) {
  path_.resize(std::size_t{trie.depth()} + 1);
  path_[0] = from;
  const std::uint32_t size = trie.size();
  for (std::uint32_t i = 1; i < size;) {
    const TokenTrie::Node& node = trie.node(i);
    const ConfigId to = recognizer_.step(path_[node.depth - 1u], node.byte);
    if (to == Recognizer::kDead) {
      i = node.next;
      continue;
    }
    path_[node.depth] = to;
    tokens(trie.tokens(i));
    if (recognizer_.complete(to)) end(i);
    i = recognizer_.goes_on(to) ? i + 1 : node.next;
  }
}

std::shared_ptr<const TokenMask> MaskMaker::mask(ConfigId id) {
  if (const auto known = masks_.find(id); known != masks_.end()) return known->second;
  const auto mask = std::make_shared<TokenMask>(vocabulary_.size());
  const auto put = [&](std::span<const TokenId> tokens) {
    for (const TokenId token : tokens) mask->set(token);
  };
  const std::vector<Item> items(recognizer_.items(id).begin(), recognizer_.items(id).end());
  for (const Item& item : items) {
    const Local& own = local(item);
    if (own.ends_anywhere && item.origin != Recognizer::kOutside) {
      walk(vocabulary_.trie(), id, put, [](std::uint32_t) {});
      break;
    }
    if (own.many != nullptr) mask->add(*own.many);
    put(own.few);
    if (own.rest.size() <= 1 || item.origin == Recognizer::kOutside) continue;
    const ConfigId next = recognizer_.after(item.rule, item.origin);
    if (next != Recognizer::kDead) walk(own.rest, next, put, [](std::uint32_t) {});
  }
  mask->end();
  masks_.emplace(id, mask);
  return mask;
}

std::shared_ptr<const TokenMask> MaskMaker::mask_at_beginning(ConfigId id) {
  const auto mask = std::make_shared<TokenMask>(vocabulary_.size());
  const auto put = [&](std::span<const TokenId> tokens) {
    for (const TokenId token : tokens) mask->set(token);
  };
  walk(vocabulary_.trie_at_beginning(), id, put, [](std::uint32_t) {});
  mask->end();
  return mask;
}

MaskMaker::Key MaskMaker::key_of(const Item& item) const noexcept {
  const Program& program = recognizer_.program();
  const std::uint32_t index = program.states[item.state].loop;
  if (index == 0) return {item.state, 0, 0};
  const Loop& loop = program.loops[index];
  // A token ends no more rounds than it has bytes.
  const std::uint32_t reach = std::uint32_t{vocabulary_.trie().depth()} + 2;
  const std::uint32_t to_min = loop.min > item.counter ? loop.min - item.counter : 0;
  const std::uint32_t to_max = loop.max == kUnbounded ? kUnbounded : loop.max - item.counter;
  return {item.state, std::min(to_min, reach), std::min(to_max, reach)};
}

std::optional<ConfigId> MaskMaker::after_others(ConfigId from) {
  std::vector<Place> places;
  const auto add = [&](Place place) {
    if (std::ranges::find(places, place) == places.end()) places.push_back(place);
  };
  for (unsigned lead = 0xc2; lead <= 0xf4; ++lead) {
    const auto byte = static_cast<std::uint8_t>(lead);
    const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    add({recognizer_.step(from, byte), lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3, low, high});
  }
  std::optional<ConfigId> target;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place place = places[i];
    for (unsigned byte = place.low; byte <= place.high; ++byte) {
      const ConfigId to = recognizer_.step(place.config, static_cast<std::uint8_t>(byte));
      if (to == Recognizer::kDead || places.size() > 256) return std::nullopt;
      if (place.left > 1) {
        add({to, place.left - 1, 0x80, 0xbf});
      } else if (target && *target != to) {
        return std::nullopt;
      } else {
        target = to;
      }
    }
  }
  return target;
}

std::optional<MaskMaker::Run> MaskMaker::run_of(ConfigId from) {
  constexpr std::size_t kLarge = 16;  // smaller sets are walked soon
  const ConfigId first = recognizer_.step(from, 'e');
  if (first == Recognizer::kDead || recognizer_.items(first).size() != 1) return std::nullopt;
  const Item item = recognizer_.items(first).front();
  const ConfigId second = recognizer_.step(first, 'e');
  if (item.origin != Recognizer::kOutside || recognizer_.complete(first)) return std::nullopt;
  Run run;
  for (unsigned c = 0; c < 128; ++c) {
    const auto byte = static_cast<std::uint8_t>(c);
    run.chars.ascii[c] =
        recognizer_.step(from, byte) == first && recognizer_.step(first, byte) == second;
  }
  run.chars.others = after_others(from) == first && after_others(first) == second;
  if (run.chars.ascii.count() < kLarge) return std::nullopt;
  run.longest = static_cast<std::size_t>(-1);
  if (second == first) return run;
  // Each character is a round of a loop that counts, and nothing else.
  const Program& program = recognizer_.program();
  const State& state = program.states[item.state];
  const Loop& loop = program.loops[state.loop];
  const std::span<const Item> next = recognizer_.items(second);
  const Item expected{item.state, item.rule, item.counter + 1, item.origin};
  if (state.loop == 0 || loop.max == kUnbounded || next.size() != 1 || next.front() != expected ||
      recognizer_.complete(second)) {
    return std::nullopt;
  }
  for (const UseStep& use : program.uses(state)) {
    if (use.step.when != When::kRoundFollows) return std::nullopt;
  }
  for (const ByteStep& step : program.bytes(state)) {
    if (step.step.when == When::kRoundFollows) continue;
    for (unsigned byte = step.low; byte <= step.high; ++byte) {
      if (byte < 128 ? run.chars.ascii[byte] : run.chars.others) return std::nullopt;
    }
  }
  if (state.accepts || state.accepts_at_loop_end) return std::nullopt;
  run.longest = loop.max - item.counter;
  return run;
}

const MaskMaker::Local& MaskMaker::local(const Item& item) {
  std::unique_ptr<Local>& known = locals_[key_of(item)];
  if (known != nullptr) return *known;
  auto made = std::make_unique<Local>();
  std::vector<std::uint32_t> ends;
  const ConfigId from = recognizer_.alone(item.state, item.counter);
  const std::optional<Run> run = run_of(from);
  const CharRuns* runs = run ? &vocabulary_.runs(run->chars) : nullptr;
  const TokenTrie& trie = runs != nullptr ? runs->rest() : vocabulary_.trie();
  walk(
      trie, from,
      [&](std::span<const TokenId> tokens) {
        made->few.insert(made->few.end(), tokens.begin(), tokens.end());
      },
      [&](std::uint32_t node) {
        if (trie.node(node).next > node + 1) ends.push_back(node);
      });
  made->ends_anywhere = ends.size() > kManyEnds;
  if (!made->ends_anywhere) made->rest = TokenTrie(trie, ends);
  if (runs != nullptr || made->few.size() > kFew) {
    made->many = runs != nullptr ? std::make_unique<TokenMask>(runs->runs(run->longest))
                                 : std::make_unique<TokenMask>(vocabulary_.size());
    for (const TokenId token : made->few) made->many->set(token);
    made->few = {};
    bytes_ += made->many->bytes();
  }
  bytes_ += made->few.size() * sizeof(TokenId) + made->rest.bytes() + sizeof(Local);
  known = std::move(made);
  return *known;
}

}  // namespace lathe
