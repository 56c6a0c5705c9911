#include "base/utf8.h"

#include <algorithm>
#include <cstdint>

namespace lathe {
namespace {

constexpr char32_t kReplacement = 0xfffd;

struct Lead {
  int trail;        // continuation bytes that follow
  std::uint8_t lo;  // range of the first continuation byte: this is where overlong forms,
  std::uint8_t hi;  // surrogates and values over U+10FFFF are excluded
};

// trail = 0 for bytes that cannot start a multi-byte character.
constexpr Lead lead_of(std::uint8_t b) {
  if (b >= 0xc2 && b <= 0xdf) return {1, 0x80, 0xbf};
  if (b == 0xe0) return {2, 0xa0, 0xbf};
  if (b == 0xed) return {2, 0x80, 0x9f};
  if (b >= 0xe1 && b <= 0xef) return {2, 0x80, 0xbf};
  if (b == 0xf0) return {3, 0x90, 0xbf};
  if (b >= 0xf1 && b <= 0xf3) return {3, 0x80, 0xbf};
  if (b == 0xf4) return {3, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

Utf8Char decode_utf8(std::string_view bytes) noexcept {
  const auto b0 = static_cast<std::uint8_t>(bytes[0]);
  if (b0 < 0x80) return {b0, 1, true};
  const Lead lead = lead_of(b0);
  if (lead.trail == 0) return {kReplacement, 1, false};
  char32_t code = b0 & (0x3fu >> lead.trail);
  for (int i = 1; i <= lead.trail; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (at >= bytes.size()) return {kReplacement, at, false};
    const auto b = static_cast<std::uint8_t>(bytes[at]);
    const std::uint8_t lo = i == 1 ? lead.lo : std::uint8_t{0x80};
    const std::uint8_t hi = i == 1 ? lead.hi : std::uint8_t{0xbf};
    if (b < lo || b > hi) return {kReplacement, at, false};
    code = (code << 6) | (b & 0x3fu);
  }
  return {code, static_cast<std::size_t>(lead.trail) + 1, true};
}

void append_utf8(char32_t code, std::string& out) {
  const auto put = [&out](char32_t b) { out.push_back(static_cast<char>(b)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

bool is_valid_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const Utf8Char c = decode_utf8(bytes);
    if (!c.valid) return false;
    bytes.remove_prefix(c.length);
  }
  return true;
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const Utf8Char c = decode_utf8(bytes);
    if (c.valid) {
      out += bytes.substr(0, c.length);
    } else {
      append_utf8(kReplacement, out);
    }
    bytes.remove_prefix(c.length);
  }
  return out;
}

std::size_t incomplete_utf8_suffix(std::string_view bytes) noexcept {
  const std::size_t most = std::min<std::size_t>(3, bytes.size());
  for (std::size_t back = 1; back <= most; ++back) {
    const std::string_view tail = bytes.substr(bytes.size() - back);
    const auto b = static_cast<std::uint8_t>(tail[0]);
    if ((b & 0xc0) == 0x80) continue;  // a continuation byte: the lead is further back
    const Utf8Char c = decode_utf8(tail);
    return !c.valid && c.length == back && lead_of(b).trail > 0 ? back : 0;
  }
  return 0;
}

}  // namespace lathe
