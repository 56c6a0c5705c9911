#include "tokenizer/jinja/characters.h"

#include <algorithm>
#include <utf8proc.h>

#include "base/utf8.h"
#include "tokenizer/unicode.h"

namespace lathe::jinja {
namespace {

utf8proc_category_t category(char32_t c) noexcept {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

struct CodeRange {
  char32_t first, last;
};

template <std::size_t n>
bool in(const CodeRange (&ranges)[n], char32_t c) noexcept {
  const CodeRange* after = std::upper_bound(
      ranges, ranges + n, c, [](char32_t code, const CodeRange& r) { return code < r.first; });
  return after != ranges && c <= std::prev(after)->last;
}

// Numeric_Type=Digit outside of category Nd.
constexpr CodeRange kDigits[] = {
    {0xb2, 0xb3},       {0xb9, 0xb9},       {0x1369, 0x1371},   {0x19da, 0x19da},
    {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
    {0x2474, 0x247c},   {0x2488, 0x2490},   {0x24ea, 0x24ea},   {0x24f5, 0x24fd},
    {0x24ff, 0x24ff},   {0x2776, 0x277e},   {0x2780, 0x2788},   {0x278a, 0x2792},
    {0x10a40, 0x10a43}, {0x10e60, 0x10e68}, {0x11052, 0x1105a}, {0x1f100, 0x1f10a},
};

constexpr CodeRange kOtherUppercase[] = {
    {0x2160, 0x216f}, {0x24b6, 0x24cf}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169}, {0x1f170, 0x1f189},
};

constexpr CodeRange kOtherLowercase[] = {
    {0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},
    {0x2e0, 0x2e4},     {0x345, 0x345},     {0x37a, 0x37a},     {0x1d2c, 0x1d6a},
    {0x1d78, 0x1d78},   {0x1d9b, 0x1dbf},   {0x2071, 0x2071},   {0x207f, 0x207f},
    {0x2090, 0x209c},   {0x2170, 0x217f},   {0x24d0, 0x24e9},   {0x2c7c, 0x2c7d},
    {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f8, 0xa7f9},   {0xab5c, 0xab5f},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107b0}, {0x107b2, 0x107ba},
};

}  // namespace

bool is_space(char32_t c) noexcept { return is_white_space(c) || (c >= 0x1c && c <= 0x1f); }

bool is_printable(char32_t c) noexcept {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

bool is_alpha(char32_t c) noexcept {
  const utf8proc_category_t k = category(c);
  return k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) noexcept { return category(c) == UTF8PROC_CATEGORY_ND; }

bool is_digit(char32_t c) noexcept { return is_decimal(c) || in(kDigits, c); }

bool is_alnum(char32_t c) noexcept {
  const utf8proc_category_t k = category(c);
  return is_alpha(c) || (k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO);
}

bool is_upper(char32_t c) noexcept {
  return category(c) == UTF8PROC_CATEGORY_LU || in(kOtherUppercase, c);
}

bool is_lower(char32_t c) noexcept {
  return category(c) == UTF8PROC_CATEGORY_LL || in(kOtherLowercase, c);
}

bool is_title(char32_t c) noexcept { return category(c) == UTF8PROC_CATEGORY_LT; }

bool is_word(char32_t c) noexcept { return is_alnum(c) || c == '_'; }

bool breaks_line(char32_t c) noexcept {
  return (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace lathe::jinja
