#include "tokenizer/chat/clock.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

ChatDate chat_date() {
  ChatDate out;
  if (const char* fixed = std::getenv("SOURCE_DATE_EPOCH"); fixed != nullptr && *fixed != '\0') {
    const std::string_view text = fixed;
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const auto time = static_cast<std::time_t>(seconds);
    if (error != std::errc() || end != text.data() + text.size() ||
        gmtime_r(&time, &out.now) == nullptr) {
      fail(ErrorCode::kUsage, "SOURCE_DATE_EPOCH is {}; it should be a number of seconds",
           quoted(text));
    }
    out.from_clock = false;
    return out;
  }
  const std::time_t now = std::time(nullptr);
  localtime_r(&now, &out.now);
  return out;
}

}  // namespace lathe
