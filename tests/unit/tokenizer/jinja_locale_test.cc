// A program that embeds the library may have set a locale; a prompt does not depend on it.
#include <clocale>
#include <gtest/gtest.h>
#include <string>

#include "run_jinja.h"

namespace lathe {
namespace {

TEST(JinjaLocale, NumbersHaveAPointEverywhere) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool comma = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"}) {
    comma = comma || (std::setlocale(LC_ALL, name) != nullptr &&
                      std::string(std::localeconv()->decimal_point) == ",");
  }
  if (!comma) {
    std::setlocale(LC_ALL, before.c_str());
    GTEST_SKIP() << "this machine has no locale that writes 1,5";
  }
  const std::string text =
      test::run_jinja(
          "{{ 1.5 }} {{ '2.5'|float }} {{ '%.2f' % 3.25 }} {{ 4.125|round(2) }} "
          "{{ strftime_now('%B') }}")
          .bytes();
  std::setlocale(LC_ALL, before.c_str());
  EXPECT_EQ(text, "1.5 2.5 3.25 4.12 November");
}

}  // namespace
}  // namespace lathe
