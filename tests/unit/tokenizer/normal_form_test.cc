// Normal forms are those of utf8proc, which they are made from.
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <utf8proc.h>

#include "base/utf8.h"
#include "tokenizer/normalizer.h"

namespace lathe {
namespace {

std::string by_utf8proc(const std::string& text, NormalForm form) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.c_str());
  utf8proc_uint8_t* made = form == NormalForm::kNfc    ? utf8proc_NFC(bytes)
                           : form == NormalForm::kNfd  ? utf8proc_NFD(bytes)
                           : form == NormalForm::kNfkc ? utf8proc_NFKC(bytes)
                                                       : utf8proc_NFKD(bytes);
  std::string out = reinterpret_cast<const char*>(made);
  std::free(made);
  return out;
}

TEST(NormalForm, IsThatOfTheLibraryOnRandomTexts) {
  // Letters that take marks, marks of many classes, syllables in parts, compatible forms.
  constexpr char32_t kChars[] = {
      'a',    'e',    'A',    ' ',    '<',    0xe9,   0x1e69, 0x300,   0x301,   0x302,   0x316,
      0x323,  0x327,  0x328,  0x334,  0x345,  0x35c,  0x5b0,  0x5bc,   0x64b,   0x651,   0x93c,
      0x94d,  0xbc6,  0xbbe,  0xf71,  0xf72,  0x1100, 0x1161, 0x11a8,  0xac00,  0xac01,  0x1fb4,
      0x2126, 0x212b, 0x3099, 0x30ab, 0xfb01, 0xfb1d, 0xfdfa, 0x1d15e, 0x1d165, 0x1d16d, 0x2f800};
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (std::size_t n = random() % 12; n > 0; --n) {
      const auto any = static_cast<char32_t>(0x80 + random() % 0x2fa00);
      const bool surrogate = any >= 0xd800 && any < 0xe000;
      append_utf8(random() % 4 == 0 && !surrogate ? any : kChars[random() % std::size(kChars)],
                  text);
    }
    for (const NormalForm form :
         {NormalForm::kNfc, NormalForm::kNfd, NormalForm::kNfkc, NormalForm::kNfkd}) {
      ASSERT_EQ(normal_form(text, form), by_utf8proc(text, form)) << testing::PrintToString(text);
    }
  }
}

TEST(NormalForm, ALongRunOfMarksIsSortedStably) {
  std::string marks, want;
  for (int i = 0; i < 1000; ++i) {
    marks += i % 2 == 0 ? "\xcc\x81" : "\xcc\x96";
    want += i < 500 ? "\xcc\x96" : "\xcc\x81";
  }
  EXPECT_EQ(normal_form("x" + marks, NormalForm::kNfd), "x" + want);
  EXPECT_EQ(normal_form("a" + marks, NormalForm::kNfc),
            "\xc3\xa1" + want.substr(0, want.size() - 2));
}

}  // namespace
}  // namespace lathe
