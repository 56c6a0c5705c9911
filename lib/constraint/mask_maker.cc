#include "constraint/mask_maker.h"

#include <algorithm>

namespace lathe {
namespace {

// Fewer tokens than this are listed.
constexpr std::size_t kFew = 512;

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

const MaskMaker::Local& MaskMaker::local(const Item& item) {
  std::unique_ptr<Local>& known = locals_[key_of(item)];
  if (known != nullptr) return *known;
  auto made = std::make_unique<Local>();
  std::vector<std::uint32_t> ends;
  const TokenTrie& trie = vocabulary_.trie();
  walk(
      trie, recognizer_.alone(item.state, item.counter),
      [&](std::span<const TokenId> tokens) {
        made->few.insert(made->few.end(), tokens.begin(), tokens.end());
      },
      [&](std::uint32_t node) {
        if (trie.node(node).next > node + 1) ends.push_back(node);
      });
  made->rest = TokenTrie(trie, ends);
  if (made->few.size() > kFew) {
    made->many = std::make_unique<TokenMask>(vocabulary_.size());
    for (const TokenId token : made->few) made->many->set(token);
    made->few = {};
    bytes_ += made->many->bytes();
  }
  bytes_ += made->few.size() * sizeof(TokenId) + made->rest.bytes() + sizeof(Local);
  known = std::move(made);
  return *known;
}

}  // namespace lathe
