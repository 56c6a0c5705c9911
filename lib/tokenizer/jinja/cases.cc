// Upper, lower and title case with the characters that become several.
// Source: the Unicode database, SpecialCasing.txt, entries without conditions, and Final_Sigma.
#include <algorithm>
#include <string_view>
#include <utf8proc.h>

#include "base/utf8.h"
#include "tokenizer/jinja/characters.h"

namespace lathe::jinja {
namespace {

struct Expansion {
  char32_t from;
  std::u16string_view upper;
};

// Ascending. Greek letters with iota subscript, U+1F80 to U+1FAF, follow a rule instead.
constexpr Expansion kExpansions[] = {
    {0xdf, u"SS"},
    {0x149, u"\u02bcN"},
    {0x1f0, u"J\u030c"},
    {0x390, u"\u0399\u0308\u0301"},
    {0x3b0, u"\u03a5\u0308\u0301"},
    {0x587, u"\u0535\u0552"},
    {0x1e96, u"H\u0331"},
    {0x1e97, u"T\u0308"},
    {0x1e98, u"W\u030a"},
    {0x1e99, u"Y\u030a"},
    {0x1e9a, u"A\u02be"},
    {0x1f50, u"\u03a5\u0313"},
    {0x1f52, u"\u03a5\u0313\u0300"},
    {0x1f54, u"\u03a5\u0313\u0301"},
    {0x1f56, u"\u03a5\u0313\u0342"},
    {0x1fb2, u"\u1fba\u0399"},
    {0x1fb3, u"\u0391\u0399"},
    {0x1fb4, u"\u0386\u0399"},
    {0x1fb6, u"\u0391\u0342"},
    {0x1fb7, u"\u0391\u0342\u0399"},
    {0x1fbc, u"\u0391\u0399"},
    {0x1fc2, u"\u1fca\u0399"},
    {0x1fc3, u"\u0397\u0399"},
    {0x1fc4, u"\u0389\u0399"},
    {0x1fc6, u"\u0397\u0342"},
    {0x1fc7, u"\u0397\u0342\u0399"},
    {0x1fcc, u"\u0397\u0399"},
    {0x1fd2, u"\u0399\u0308\u0300"},
    {0x1fd3, u"\u0399\u0308\u0301"},
    {0x1fd6, u"\u0399\u0342"},
    {0x1fd7, u"\u0399\u0308\u0342"},
    {0x1fe2, u"\u03a5\u0308\u0300"},
    {0x1fe3, u"\u03a5\u0308\u0301"},
    {0x1fe4, u"\u03a1\u0313"},
    {0x1fe6, u"\u03a5\u0342"},
    {0x1fe7, u"\u03a5\u0308\u0342"},
    {0x1ff2, u"\u1ffa\u0399"},
    {0x1ff3, u"\u03a9\u0399"},
    {0x1ff4, u"\u038f\u0399"},
    {0x1ff6, u"\u03a9\u0342"},
    {0x1ff7, u"\u03a9\u0342\u0399"},
    {0x1ffc, u"\u03a9\u0399"},
    {0xfb00, u"FF"},
    {0xfb01, u"FI"},
    {0xfb02, u"FL"},
    {0xfb03, u"FFI"},
    {0xfb04, u"FFL"},
    {0xfb05, u"ST"},
    {0xfb06, u"ST"},
    {0xfb13, u"\u0544\u0546"},
    {0xfb14, u"\u0544\u0535"},
    {0xfb15, u"\u0544\u053b"},
    {0xfb16, u"\u054e\u0546"},
    {0xfb17, u"\u0544\u053d"},
};

constexpr char16_t kIota = 0x399;
constexpr char32_t kIotaBelow = 0x345;

const Expansion* expansion(char32_t c) {
  const auto at = std::ranges::lower_bound(kExpansions, c, {}, &Expansion::from);
  return at != std::end(kExpansions) && at->from == c ? at : nullptr;
}

// Letters with iota subscript come in groups of eight small ones, then eight capital ones.
bool has_iota_below(char32_t c) { return c >= 0x1f80 && c <= 0x1faf; }

char32_t capital_with_iota(char32_t c) { return c | 8u; }

char32_t capital_without_iota(char32_t c) {
  constexpr char32_t kAlpha = 0x1f08, kEta = 0x1f28, kOmega = 0x1f68;
  const char32_t group = (c - 0x1f80) / 16;
  return (group == 0 ? kAlpha : group == 1 ? kEta : kOmega) + (c & 7u);
}

char32_t simple_lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}

char32_t simple_title(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

bool is_case_ignorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::u32string_view(
                 U"'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52"
                 U"\ufe55\uff07\uff0e\uff1a")
                 .find(c) != std::u32string_view::npos;
  }
}

bool cased_letter_before(std::string_view text, std::size_t at) {
  while (at > 0) {
    do {
      --at;
    } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
    const char32_t c = decode_utf8(text.substr(at)).code;
    if (!is_case_ignorable(c)) return is_cased(c);
  }
  return false;
}

bool cased_letter_at(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Char c = decode_utf8(text.substr(at));
    if (!is_case_ignorable(c.code)) return is_cased(c.code);
    at += c.length;
  }
  return false;
}

}  // namespace

void append_upper(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  } else if (has_iota_below(c)) {
    append_utf8(capital_without_iota(c), out);
    append_utf8(kIota, out);
  } else if (const Expansion* special = expansion(c)) {
    for (const char16_t unit : special->upper) append_utf8(unit, out);
  } else {
    append_utf8(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
  }
}

void append_title(char32_t c, std::string& out) {
  constexpr char32_t kSharpS = 0xdf, kApostropheN = 0x149;
  const Expansion* special = expansion(c);
  if (has_iota_below(c)) {
    append_utf8(capital_with_iota(c), out);
  } else if (special == nullptr || is_title(c) || (simple_title(c) != c && c != kSharpS)) {
    append_utf8(simple_title(c), out);
  } else if (c == kApostropheN) {
    append_upper(c, out);
  } else {
    append_utf8(special->upper[0], out);
    for (const char16_t unit : special->upper.substr(1)) {
      append_utf8(unit == kIota ? kIotaBelow : simple_lower(unit), out);
    }
  }
}

void append_lower(std::string_view text, std::size_t at, std::string& out) {
  constexpr char32_t kSigma = 0x3a3, kFinalSigma = 0x3c2, kDottedI = 0x130;
  const Utf8Char c = decode_utf8(text.substr(at));
  if (c.code < 0x80) {
    out += static_cast<char>(c.code >= 'A' && c.code <= 'Z' ? c.code + 32 : c.code);
  } else if (c.code == kDottedI) {
    out += "i\u0307";
  } else if (c.code == kSigma && cased_letter_before(text, at) &&
             !cased_letter_at(text, at + c.length)) {
    append_utf8(kFinalSigma, out);
  } else {
    append_utf8(simple_lower(c.code), out);
  }
}

}  // namespace lathe::jinja
