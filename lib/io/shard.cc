#include "lathe/host/shard.h"

#include <charconv>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

Shard parse_shard(std::string_view text) {
  constexpr std::uint64_t kMost = 1'000'000;
  std::uint64_t which = 0, count = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, which);
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || which < 1 || which > count ||
      count > kMost) {
    fail(ErrorCode::kUsage, "--shard: {} is no part of a whole, such as 1/8 to 8/8", quoted(text));
  }
  return {which - 1, count};
}

}  // namespace lathe
