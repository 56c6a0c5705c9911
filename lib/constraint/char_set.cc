#include "constraint/char_set.h"

#include <algorithm>

#include "base/utf8.h"

namespace lathe {
namespace {

constexpr char32_t kFirstSurrogate = 0xd800, kLastSurrogate = 0xdfff, kLast = 0x10ffff;

}  // namespace

CharSet CharSet::of(std::string_view chars) {
  CharSet out;
  while (!chars.empty()) {
    const Utf8Char c = decode_utf8(chars);
    out.add(c.code, c.code);
    chars.remove_prefix(c.length);
  }
  return out;
}

void CharSet::add(char32_t first, char32_t last) {
  if (first < kFirstSurrogate) put(first, std::min<char32_t>(last, kFirstSurrogate - 1));
  if (last > kLastSurrogate)
    put(std::max<char32_t>(first, kLastSurrogate + 1), std::min(last, kLast));
}

void CharSet::put(char32_t first, char32_t last) {
  if (first > last) return;
  const auto ends_before = [](const CharRange& range, char32_t at) { return range.last + 1 < at; };
  const auto begin = std::lower_bound(ranges_.begin(), ranges_.end(), first, ends_before);
  auto end = begin;
  for (; end != ranges_.end() && end->first <= last + 1; ++end) {
    first = std::min(first, end->first);
    last = std::max(last, end->last);
  }
  ranges_.insert(ranges_.erase(begin, end), {first, last});
}

void CharSet::add(const CharSet& other) {
  for (const CharRange& range : other.ranges_) add(range.first, range.last);
}

bool CharSet::contains(char32_t c) const noexcept {
  const auto at = std::lower_bound(ranges_.begin(), ranges_.end(), c,
                                   [](const CharRange& r, char32_t x) { return r.last < x; });
  return at != ranges_.end() && at->first <= c;
}

CharSet CharSet::complement() const {
  CharSet out;
  char32_t next = 0;
  for (const CharRange& range : ranges_) {
    if (range.first > next) out.add(next, range.first - 1);
    next = range.last + 1;
  }
  if (next <= kLast) out.add(next, kLast);
  return out;
}

CharSet CharSet::both(const CharSet& other) const {
  CharSet out;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    const char32_t first = std::max(a->first, b->first), last = std::min(a->last, b->last);
    if (first <= last) out.add(first, last);
    ++(a->last < b->last ? a : b);
  }
  return out;
}

}  // namespace lathe
