// Who may have written what lies there: for files whose content is believed without a look at
// the sender, since they were made by an earlier run of the same user.
//
// Thread-safe.
#pragma once

#include <optional>
#include <string_view>
#include <sys/stat.h>

namespace lathe {

// How somebody else than this user and root may have written it, as the end of a sentence ("it
// belongs to another user"); nothing when nobody may.
std::optional<std::string_view> foreign_hand(const struct stat& about) noexcept;

}  // namespace lathe
