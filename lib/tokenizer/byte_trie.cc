#include "tokenizer/byte_trie.h"

namespace lathe {

void ByteTrie::insert(std::string_view key, std::int32_t value) {
  if (key.empty()) return;
  const auto add = [this](std::uint8_t byte, std::int32_t sibling) {
    nodes_.push_back({-1, sibling, -1, byte});
    return static_cast<std::int32_t>(nodes_.size() - 1);
  };
  std::int32_t& root = roots_[static_cast<std::uint8_t>(key[0])];
  if (root < 0) root = add(static_cast<std::uint8_t>(key[0]), -1);
  std::int32_t node = root;
  for (std::size_t i = 1; i < key.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(key[i]);
    const std::int32_t first = nodes_[static_cast<std::size_t>(node)].child;
    std::int32_t child = first;
    while (child >= 0 && nodes_[static_cast<std::size_t>(child)].byte != byte) {
      child = nodes_[static_cast<std::size_t>(child)].sibling;
    }
    if (child < 0) {
      child = add(byte, first);
      nodes_[static_cast<std::size_t>(node)].child = child;
    }
    node = child;
  }
  std::int32_t& slot = nodes_[static_cast<std::size_t>(node)].value;
  if (slot < 0) slot = value;
}

}  // namespace lathe
