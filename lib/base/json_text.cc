#include "lathe/host/json_text.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lathe {
namespace {

// What acts on a terminal, or on how the text around it is shown. Joiners, which many scripts
// need, are not among them.
bool is_obeyed(char32_t c) {
  if (c >= 0x7f && c < 0xa0) return true;
  if (c == 0x61c || c == 0x200e || c == 0x200f) return true;
  return (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// In UTF-8 they all begin with one of these, or are DEL.
bool may_begin(unsigned char byte) {
  return byte == 0x7f || byte == 0xc2 || byte == 0xd8 || byte == 0xe2;
}

}  // namespace

std::string escape_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    if (!may_begin(static_cast<unsigned char>(json[at]))) {
      out += json[at++];
      continue;
    }
    const Utf8Char c = decode_utf8(json.substr(at));
    if (c.valid && is_obeyed(c.code)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c.code));
    } else {
      out += json.substr(at, c.length);
    }
    at += c.length;
  }
  return out;
}

void fail_no_number(const std::string& path) {
  fail_invalid(
      "the result {} is infinite or not a number: the weights of a model are damaged, or what was "
      "measured is beyond all numbers",
      quoted(path));
}

}  // namespace lathe
