// Numbers and dates as C prints and reads them, whatever locale the program that calls us has set.
#pragma once

#include <clocale>
#include <locale.h>

namespace lathe {

// For this thread, as long as it lives: std::strtod, std::snprintf and std::strftime use the "C"
// locale.
class CLocale {
 public:
  CLocale() noexcept : before_(::uselocale(c_locale())) {}
  ~CLocale() { ::uselocale(before_); }
  CLocale(const CLocale&) = delete;
  CLocale& operator=(const CLocale&) = delete;

 private:
  // 0 where memory is short: uselocale() changes nothing then.
  static locale_t c_locale() noexcept {
    static const locale_t c = ::newlocale(LC_ALL_MASK, "C", locale_t{});
    return c;
  }

  locale_t before_;
};

}  // namespace lathe
