#include "constraint/char_kind.h"

#include <algorithm>
#include <vector>

#include "base/utf8.h"

namespace lathe {
namespace {

// U+0085, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000 and U+FEFF as a
// tree of their bytes: from where, by which bytes, to where.
struct ApartStep {
  std::uint8_t from, low, high, to;
};
constexpr std::uint8_t kEnd = 255;
constexpr ApartStep kApart[] = {
    {0, 0xc2, 0xc2, 1},    {1, 0x85, 0x85, kEnd}, {1, 0xa0, 0xa0, kEnd}, {0, 0xe1, 0xe1, 2},
    {2, 0x9a, 0x9a, 3},    {3, 0x80, 0x80, kEnd}, {0, 0xe2, 0xe2, 4},    {4, 0x80, 0x80, 5},
    {5, 0x80, 0x8a, kEnd}, {5, 0xa8, 0xa9, kEnd}, {5, 0xaf, 0xaf, kEnd}, {4, 0x81, 0x81, 6},
    {6, 0x9f, 0x9f, kEnd}, {0, 0xe3, 0xe3, 7},    {7, 0x80, 0x80, 8},    {8, 0x80, 0x80, kEnd},
    {0, 0xef, 0xef, 9},    {9, 0xbb, 0xbb, 10},   {10, 0xbf, 0xbf, kEnd}};

std::uint8_t apart_behind(std::uint8_t from, std::uint8_t byte) noexcept {
  for (const ApartStep& step : kApart) {
    if (step.from == from && step.low <= byte && byte <= step.high) return step.to;
  }
  return 0;
}

bool is_apart(std::string_view character) noexcept {
  std::uint8_t at = 0;
  for (const char byte : character) {
    at = apart_behind(at, static_cast<std::uint8_t>(byte));
    if (at == 0) return false;
  }
  return at == kEnd;
}

// Inside of a character.
struct Place {
  ConfigId config;
  CharBytes bytes;
  friend bool operator==(const Place&, const Place&) = default;
};

CharKind kind_of_ascii(unsigned c) noexcept {
  if (c >= 'a' && c <= 'z') return CharKind::kLower;
  if (c >= 'A' && c <= 'Z') return CharKind::kLetters;
  if (c >= '0' && c <= '9') return CharKind::kWords;
  return c < ' ' || c == '"' || c == '\\' ? CharKind::kNone : CharKind::kAscii;
}

// `target` is where some characters lead to already; false where others lead elsewhere.
bool others_lead_to(Recognizer& recognizer, ConfigId from, ConfigId target) {
  std::vector<Place> places;
  const auto add = [&](const Place& place) {
    if (std::ranges::find(places, place) == places.end()) places.push_back(place);
  };
  const auto& class_of = recognizer.program().class_of;
  for (unsigned lead = 0xc2; lead <= 0xf4; ++lead) {
    const auto byte = static_cast<std::uint8_t>(lead);
    add({recognizer.step(from, byte), CharBytes::behind_lead(byte)});
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place place = places[i];
    if (place.config == Recognizer::kDead || places.size() > 256) return false;
    for (unsigned c = place.bytes.low; c <= place.bytes.high; ++c) {
      const auto byte = static_cast<std::uint8_t>(c);
      const bool as_before = c > place.bytes.low && class_of[c] == class_of[c - 1];
      if (place.bytes.apart == 0 ? as_before : place.bytes.leaves_out(byte)) continue;
      const ConfigId to = recognizer.step(place.config, byte);
      if (place.bytes.left == 1 && to != target) return false;
      if (place.bytes.left > 1) add({to, place.bytes.behind(byte)});
    }
  }
  return true;
}

}  // namespace

CharBytes CharBytes::behind_lead(std::uint8_t lead) noexcept {
  return {.left = lead < 0xe0   ? 1
                  : lead < 0xf0 ? 2
                                : 3,
          .low = static_cast<std::uint8_t>(lead == 0xe0   ? 0xa0
                                           : lead == 0xf0 ? 0x90
                                                          : 0x80),
          .high = static_cast<std::uint8_t>(lead == 0xed   ? 0x9f
                                            : lead == 0xf4 ? 0x8f
                                                           : 0xbf),
          .apart = apart_behind(0, lead)};
}

CharBytes CharBytes::behind(std::uint8_t byte) const noexcept {
  return {left - 1, 0x80, 0xbf, apart == 0 ? std::uint8_t{0} : apart_behind(apart, byte)};
}

bool CharBytes::leaves_out(std::uint8_t byte) const noexcept {
  return apart != 0 && left == 1 && apart_behind(apart, byte) == kEnd;
}

bool is_of(CharKind kind, unsigned ascii) noexcept {
  return kind < CharKind::kBeyond && kind_of_ascii(ascii) <= kind;
}

CharKind kind_of(std::string_view text) noexcept {
  CharKind ascii = CharKind::kLower;
  bool has_ascii = false, has_others = false;
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!c.valid || (c.code >= 128 && is_apart(text.substr(0, c.length)))) return CharKind::kNone;
    (c.code < 128 ? has_ascii : has_others) = true;
    if (c.code < 128) ascii = std::max(ascii, kind_of_ascii(c.code));
    text.remove_prefix(c.length);
  }
  if (ascii == CharKind::kNone || !has_others) return ascii;
  return has_ascii ? CharKind::kAny : CharKind::kBeyond;
}

std::size_t count_characters(std::string_view utf8) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::optional<ConfigId> after_any(Recognizer& recognizer, ConfigId from, CharKind kind) {
  if (kind == CharKind::kNone) return std::nullopt;
  const ConfigId target = kind == CharKind::kBeyond
                              ? recognizer.step(recognizer.step(from, 0xc3), 0xa9)
                              : recognizer.step(from, 'e');
  if (target == Recognizer::kDead) return std::nullopt;
  for (unsigned c = 0; c < 128; ++c) {
    if (is_of(kind, c) && recognizer.step(from, static_cast<std::uint8_t>(c)) != target) {
      return std::nullopt;
    }
  }
  if (kind >= CharKind::kAny && !others_lead_to(recognizer, from, target)) return std::nullopt;
  return target;
}

}  // namespace lathe
