#include "io/foreign_hand.h"

#include <unistd.h>

namespace lathe {

std::optional<std::string_view> foreign_hand(const struct stat& about) noexcept {
  if (about.st_uid != ::geteuid() && about.st_uid != 0) return "it belongs to another user";
  // An access list shows as the group's bits.
  if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write into it (chmod go-w)";
  return std::nullopt;
}

}  // namespace lathe
