// Whether two names are those of one file or folder.
#pragma once

#include <filesystem>
#include <system_error>

namespace lathe {

// False where one is not there, or can't be looked at.
inline bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code absent;
  return std::filesystem::equivalent(a, b, absent);
}

}  // namespace lathe
