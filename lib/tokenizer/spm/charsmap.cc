// Precompiled normalization rules: [u32 size][double array of that many bytes][texts, each
// ending in NUL]. The library walks the array without looking at its bounds, so the walk is
// done here once over every key it holds. Layout: darts-clone, "double-array unit".
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

// One key's end per level at most, and the library keeps room for 32 of them.
constexpr int kMaxPrefixes = 31;

struct Unit {
  std::uint32_t bits;
  bool has_leaf() const noexcept { return (bits >> 8) & 1; }
  std::uint32_t value() const noexcept { return bits & 0x7fffffffu; }
  std::uint32_t label() const noexcept { return bits & 0x800000ffu; }
  std::uint32_t offset() const noexcept { return (bits >> 10) << ((bits & 0x200u) >> 6); }
};

}  // namespace

void validate_charsmap(std::string_view charsmap, const std::string& file) {
  if (charsmap.empty()) return;
  const auto broken = [&file](std::string_view why) {
    fail_invalid("{}: the precompiled_charsmap is broken: {}", quoted(file), why);
  };
  std::uint32_t trie_bytes = 0;
  if (charsmap.size() <= sizeof trie_bytes) broken("it is cut off");
  std::memcpy(&trie_bytes, charsmap.data(), sizeof trie_bytes);
  if (trie_bytes >= charsmap.size() - sizeof trie_bytes) broken("its trie is cut off");
  if (trie_bytes % 4 != 0 || trie_bytes == 0) broken("its trie is no array of 32-bit units");
  const std::string_view texts = charsmap.substr(sizeof trie_bytes + trie_bytes);
  if (texts.back() != '\0') broken("its last text does not end");

  std::vector<Unit> units(trie_bytes / 4);
  std::memcpy(units.data(), charsmap.data() + sizeof trie_bytes, trie_bytes);
  struct Node {
    std::uint32_t base;  // position of the children, to be XORed with the next byte
    int leaves;
  };
  std::vector<bool> seen(units.size(), false);
  std::vector<Node> todo{{units[0].offset(), 0}};
  while (!todo.empty()) {
    const Node node = todo.back();
    todo.pop_back();
    if ((std::uint64_t{node.base} | 0xff) >= units.size()) broken("a node points outside");
    for (std::uint32_t c = 0; c < 256; ++c) {
      const std::uint32_t at = node.base ^ c;
      if (units[at].label() != c) continue;
      // Byte 0 is where a node keeps its value; as a key's byte it would be a cycle.
      if (seen[at]) broken("a node has two parents");
      seen[at] = true;
      const std::uint32_t base = at ^ units[at].offset();
      int leaves = node.leaves;
      if (units[at].has_leaf()) {
        if (base >= units.size()) broken("a value lies outside");
        if (units[base].value() >= texts.size()) broken("a text lies outside");
        if (++leaves > kMaxPrefixes) broken("too many rules begin alike");
      }
      todo.push_back({base, leaves});
    }
  }
}

}  // namespace lathe
