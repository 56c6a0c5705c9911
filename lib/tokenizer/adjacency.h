// Which neighbouring characters a vocabulary ever joins.
//
// BPE joins two symbols only into a piece of the vocabulary. If no piece contains the
// characters x and y side by side, no merge crosses a border between x and y, and the text
// can be cut there: the ids of the parts are the ids of the whole. Only ASCII characters and
// the space mark are told apart; all others are one class, for which any doubt means "joins".
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lathe {

class Adjacency {
 public:
  // `space_mark`: U+2581 counts as a space, because spaces become U+2581 before merging.
  explicit Adjacency(bool space_mark) noexcept : space_mark_(space_mark) {}

  // Notes every pair of neighbours in a piece.
  void add(std::string_view piece);

  // The first place after `from` where the text can be cut, or its end. `from` must be the
  // start of a character.
  std::size_t next_cut(std::string_view text, std::size_t from) const noexcept;

 private:
  static constexpr std::size_t kClasses = 129;
  static constexpr std::size_t kOther = 128;

  bool is_mark(std::string_view text, std::size_t at) const noexcept {
    return space_mark_ && text.size() - at >= 3 && text[at] == '\xe2' && text[at + 1] == '\x96' &&
           text[at + 2] == '\x81';
  }
  std::size_t class_at(std::string_view text, std::size_t at) const noexcept {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    if (byte < 0x80) return byte;
    return is_mark(text, at) ? std::size_t{' '} : kOther;
  }

  bool space_mark_;
  std::bitset<kClasses * kClasses> joins_;
};

}  // namespace lathe
