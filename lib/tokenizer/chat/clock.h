// Today, for templates that name it.
#pragma once

#include <ctime>

namespace lathe {

struct ChatDate {
  std::tm now{};
  bool from_clock = true;  // false: SOURCE_DATE_EPOCH says it, so that it is the
                           // same each time
};

// Seconds since 1970 in SOURCE_DATE_EPOCH, as UTC, or the clock, in local time. Throws kUsage when
// the variable holds something else.
ChatDate chat_date();

}  // namespace lathe
