#include "tokenizer/adjacency.h"

namespace lathe {
namespace {

bool is_continuation(char c) noexcept { return (static_cast<std::uint8_t>(c) & 0xc0) == 0x80; }

}  // namespace

void Adjacency::add(std::string_view piece) {
  if (piece.empty()) return;
  std::size_t left = class_at(piece, 0);
  for (std::size_t at = 1; at < piece.size(); ++at) {
    if (is_continuation(piece[at])) continue;
    const std::size_t right = class_at(piece, at);
    joins_.set(left * kClasses + right);
    left = right;
  }
}

std::size_t Adjacency::next_cut(std::string_view text, std::size_t from) const noexcept {
  if (from >= text.size()) return text.size();
  std::size_t left = class_at(text, from);
  std::size_t at = from;
  for (;;) {
    const std::size_t start = at++;
    // Stray continuation bytes stay with the character before them, and count as "other".
    while (at < text.size() && is_continuation(text[at])) ++at;
    if (at >= text.size()) return text.size();
    const bool ascii = static_cast<std::uint8_t>(text[start]) < 0x80;
    if (left != kOther && at - start != (ascii ? 1u : 3u)) left = kOther;
    const std::size_t right = class_at(text, at);
    if (!joins_[left * kClasses + right]) return at;
    left = right;
  }
}

}  // namespace lathe
