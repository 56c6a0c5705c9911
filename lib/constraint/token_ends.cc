#include "constraint/token_ends.h"

#include <algorithm>
#include <unordered_map>

namespace lathe {
namespace {

// Bytes by which a way with fewer tokens may be longer than the shortest.
constexpr std::uint64_t kSlack = 8;
// Places that are looked at before the straight way is good enough.
constexpr std::size_t kMostPlaces = 4096;

}  // namespace

template <typename Call>
void TokenEnds::each_step(ConfigId from, std::uint64_t bytes, Call&& call) {
  path_.resize(vocabulary_.slices().depth() + 1);
  path_[0] = from;
  for (const TokenSlice& slice : vocabulary_.slices().slices()) {
    const TokenTrie& trie = slice.trie;
    for (std::uint32_t i = 1; i < trie.size();) {
      const TokenTrie::Node& node = trie.node(i);
      const ConfigId to = recognizer_.step(path_[node.depth - 1u], node.byte);
      // A byte comes no nearer to the end than by itself: below, nothing is nearer.
      const bool near =
          to != Recognizer::kDead && node.depth <= bytes && ends_.bytes(to) <= bytes - node.depth;
      if (!near) {
        i = node.next;
        continue;
      }
      path_[node.depth] = to;
      if (!trie.tokens(i).empty()) call(to, node.depth, trie.tokens(i).front());
      i = recognizer_.goes_on(to) ? i + 1 : node.next;
    }
  }
}

bool TokenEnds::within(ConfigId at, std::size_t most) {
  // A token has a byte at least.
  return ends_.bytes(at) <= most || find(at, most).has_value();
}

std::optional<std::vector<TokenId>> TokenEnds::find(ConfigId at, std::size_t most) {
  if (ends_.bytes(at) == ShortestEnds::kNone) return std::nullopt;
  if (auto tokens = straight(at, most)) return tokens;
  return search(at, most);
}

std::optional<std::vector<TokenId>> TokenEnds::straight(ConfigId at, std::size_t most) {
  std::vector<TokenId> out;
  while (!recognizer_.complete(at)) {
    Reached best;
    each_step(at, ends_.bytes(at), [&](ConfigId to, std::size_t length, TokenId token) {
      if (length > best.bytes) best = {to, length, 0, token};
    });
    if (best.token < 0 || out.size() == most) return std::nullopt;
    out.push_back(best.token);
    at = best.at;
  }
  return out;
}

std::optional<std::vector<TokenId>> TokenEnds::search(ConfigId at, std::size_t most) {
  const std::uint64_t longest = ends_.bytes(at) + kSlack;
  std::vector<Reached> reached{{at, 0, 0, -1}};
  std::unordered_map<ConfigId, std::uint64_t> known{{at, 0}};  // and the bytes on the way
  std::size_t layer = 0;
  for (std::size_t tokens = 0; tokens < most && layer < reached.size(); ++tokens) {
    const std::size_t end = reached.size();
    for (; layer < end; ++layer) {
      const Reached from = reached[layer];
      std::optional<std::size_t> last;
      each_step(from.at, longest - from.bytes, [&](ConfigId to, std::size_t length, TokenId token) {
        const std::uint64_t bytes = from.bytes + length;
        const auto [place, fresh] = known.emplace(to, bytes);
        if (!fresh && place->second <= bytes) return;
        place->second = bytes;
        reached.push_back({to, bytes, layer, token});
        if (recognizer_.complete(to) && !last) last = reached.size() - 1;
      });
      if (last) {
        std::vector<TokenId> out;
        for (std::size_t i = *last; i != 0; i = reached[i].from) out.push_back(reached[i].token);
        std::reverse(out.begin(), out.end());
        return out;
      }
      if (reached.size() > kMostPlaces) return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace lathe
