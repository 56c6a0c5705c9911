// Which ids a tokenizer file may give: holes are legal, but tables grow with what a file lists,
// not with the largest number in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "lathe/tokenizer.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

// A vocabulary much larger than any model's.
inline constexpr std::int64_t kMaxIds = std::int64_t{1} << 24;

// Throws kInvalid unless `id`, of `tokens` that the file lists, leaves no more holes than that.
inline void check_id(std::int64_t id, std::size_t tokens, const std::string& file) {
  if (id < 0 || id >= kMaxIds || static_cast<std::size_t>(id) > tokens * 2 + 65536) {
    fail_invalid("{}: the ids of {} tokens reach {}", quoted(file), tokens, id);
  }
}

}  // namespace lathe
