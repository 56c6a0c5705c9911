#include "tokenizer/byte_level.h"

#include "base/utf8.h"

namespace lathe {
namespace {

struct Tables {
  std::array<std::string, 256> chars;
  std::array<int, 0x144> bytes;  // by character, -1 for none

  Tables() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      const char32_t c = printable ? static_cast<char32_t>(b) : next++;
      append_utf8(c, chars[static_cast<std::size_t>(b)]);
      bytes[c] = b;
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

const std::array<std::string, 256>& byte_level_chars() { return tables().chars; }

std::string to_byte_level(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char b : bytes) out += tables().chars[static_cast<unsigned char>(b)];
  return out;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  const auto& bytes = tables().bytes;
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = decode_utf8(text);
    if (!c.valid || c.code >= bytes.size() || bytes[c.code] < 0) return std::nullopt;
    out.push_back(static_cast<char>(bytes[c.code]));
    text.remove_prefix(c.length);
  }
  return out;
}

}  // namespace lathe
