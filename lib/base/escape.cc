#include "base/escape.h"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>

#include "lathe/host/terminal_text.h"

#include "base/utf8.h"

namespace lathe {
namespace {

bool is_printable(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  // Marks that reorder or hide the text around them.
  if (c >= 0x200b && c <= 0x200f) return false;
  if (c >= 0x2028 && c <= 0x202e) return false;
  if (c >= 0x2060 && c <= 0x206f) return false;
  if (c == 0x61c || c == 0x180e || (c >= 0xfff9 && c <= 0xfffb)) return false;
  // Letters that nobody sees, which spell text all the same.
  if (c >= 0xe0000 && c <= 0xe007f) return false;
  return c != 0xfeff;
}

void add_in_hexadecimal(std::string_view bytes, std::string& out) {
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
}

}  // namespace

std::string escape_for_terminal(std::string_view bytes, std::size_t limit) {
  std::string out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (at >= limit) {
      out += "…";
      break;
    }
    const Utf8Char c = decode_utf8(bytes.substr(at));
    if (c.valid && c.code == U'\\') {
      out += "\\\\";
    } else if (c.valid && c.code == U'"') {
      out += "\\\"";
    } else if (c.valid && c.code == U'\n') {
      out += "\\n";
    } else if (c.valid && c.code == U'\t') {
      out += "\\t";
    } else if (c.valid && is_printable(c.code)) {
      out += bytes.substr(at, c.length);
    } else {
      add_in_hexadecimal(bytes.substr(at, c.length), out);
    }
    at += c.length;
  }
  return out;
}

std::string terminal_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    const std::string_view bytes = text.substr(0, c.length);
    // Joiners shape the letters of many scripts, and make one picture of several.
    const bool joiner = c.code == 0x200c || c.code == 0x200d;
    if (c.valid && (is_printable(c.code) || joiner || c.code == U'\n' || c.code == U'\t')) {
      out += bytes;
    } else {
      add_in_hexadecimal(bytes, out);
    }
    text.remove_prefix(c.length);
  }
  return out;
}

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string shortened(std::string_view text, std::size_t width, Lose what) {
  const std::size_t all = width_of(text);
  if (all <= width || width == 0) return std::string(text);
  const std::size_t behind = what == Lose::kEnd ? 0 : (width - 1) / 2;
  const std::size_t before = width - 1 - behind;
  // Where code point number `n` begins.
  const auto begin_of = [text](std::size_t n) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
      if ((text[at] & 0xc0) != 0x80 && n-- == 0) break;
    }
    return at;
  };
  return fmt::format("{}…{}", text.substr(0, begin_of(before)),
                     text.substr(begin_of(all - behind)));
}

std::string printable(std::string_view message) {
  std::string out;
  for (const char c : terminal_text(message)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\x09";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Quoted::operator()(std::string_view bytes) const {
  return fmt::format("\"{}\"", escape_for_terminal(bytes));
}

}  // namespace lathe
