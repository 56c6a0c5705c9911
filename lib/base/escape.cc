#include "base/escape.h"

#include <cstdint>
#include <fmt/format.h>

#include "base/utf8.h"

namespace lathe {
namespace {

bool is_printable(char32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;
  // Marks that reorder or hide the text around them.
  if (c >= 0x200b && c <= 0x200f) return false;
  if (c >= 0x2028 && c <= 0x202e) return false;
  if (c >= 0x2060 && c <= 0x206f) return false;
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

std::string printable(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  while (!message.empty()) {
    const Utf8Char c = decode_utf8(message);
    const std::string_view bytes = message.substr(0, c.length);
    if (c.valid && c.code == U'\n') {
      out += "\\n";
    } else if (c.valid && is_printable(c.code)) {
      out += bytes;
    } else {
      add_in_hexadecimal(bytes, out);
    }
    message.remove_prefix(c.length);
  }
  return out;
}

std::string Quoted::operator()(std::string_view bytes) const {
  return fmt::format("\"{}\"", escape_for_terminal(bytes));
}

}  // namespace lathe
