// Sets of characters: Unicode scalar values as sorted ranges.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace lathe {

struct CharRange {
  char32_t first = 0, last = 0;  // inclusive
  friend bool operator==(const CharRange&, const CharRange&) = default;
  friend auto operator<=>(const CharRange&, const CharRange&) = default;
};

// Surrogates are in no set. Ranges never touch each other.
class CharSet {
 public:
  CharSet() = default;
  CharSet(char32_t first, char32_t last) { add(first, last); }
  static CharSet all() { return {0, 0x10ffff}; }
  // Of the characters of a text in UTF-8.
  static CharSet of(std::string_view chars);

  void add(char32_t first, char32_t last);
  void add(const CharSet& other);

  bool empty() const noexcept { return ranges_.empty(); }
  bool contains(char32_t c) const noexcept;
  const std::vector<CharRange>& ranges() const noexcept { return ranges_; }

  CharSet complement() const;
  CharSet both(const CharSet& other) const;  // the intersection
  CharSet without(const CharSet& other) const { return both(other.complement()); }

  friend bool operator==(const CharSet&, const CharSet&) = default;
  friend auto operator<=>(const CharSet&, const CharSet&) = default;

 private:
  void put(char32_t first, char32_t last);

  std::vector<CharRange> ranges_;
};

}  // namespace lathe
