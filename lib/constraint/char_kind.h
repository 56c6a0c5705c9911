// Kinds of characters that tokens consist of, and places of a grammar where any text of a kind may
// stand.
//
// Most tokens of a vocabulary are words. Where a grammar reads any letters and is then where it was
// before, as inside of a string, all of them are allowed at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "constraint/recognizer.h"

namespace lathe {

// Each of the first five has the characters of those before it.
enum class CharKind : std::uint8_t {
  kLower,    // a to z
  kLetters,  // of ASCII
  kWords,    // and its digits
  kAscii,    // what strings of JSON hold as it is
  kAny,      // those and kBeyond
  kBeyond,   // beyond ASCII, but for what patterns count as spaces and ends of lines
  kNone,     // other characters, and bytes that are no UTF-8
};

bool is_of(CharKind kind, unsigned ascii) noexcept;
// The smallest kind that has all characters of a text; kLower for the empty one.
CharKind kind_of(std::string_view text) noexcept;
std::size_t count_characters(std::string_view utf8) noexcept;

// Where a place leads to by every character of a kind; nothing where they don't all lead to one
// place. Throws as Recognizer.
std::optional<ConfigId> after_any(Recognizer& recognizer, ConfigId from, CharKind kind);

// The bytes of characters beyond ASCII of kAny, of one after the other.
struct CharBytes {
  int left = 0;  // bytes, the next included
  std::uint8_t low = 0, high = 0;
  std::uint8_t apart = 0;  // within `low` to `high` some bytes lead to characters of kNone
  friend bool operator==(const CharBytes&, const CharBytes&) = default;

  // What may begin with a byte from 0xc2 to 0xf4.
  static CharBytes behind_lead(std::uint8_t byte) noexcept;
  // With left > 1: what may follow a byte.
  CharBytes behind(std::uint8_t byte) const noexcept;
  // Whether a character may not go on with a byte: those that end so are of kNone.
  bool leaves_out(std::uint8_t byte) const noexcept;
};

}  // namespace lathe
