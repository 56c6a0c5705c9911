#include "io/refuse_as_output.h"

#include <filesystem>

#include "base/escape.h"
#include "base/fail.h"
#include "io/same_file.h"

namespace lathe {

namespace fs = std::filesystem;

void refuse_as_output(std::span<const std::string> read, const std::string& output) {
  for (const std::string& path : read) {
    if (path.empty()) continue;
    if (is_same_file(path, output)) {
      fail(ErrorCode::kUsage, "{}: is part of what is read; give the output another name",
           quoted(output));
    }
    std::error_code absent;
    if (!fs::is_directory(output, absent) || !fs::exists(path, absent)) continue;
    if (is_same_file(fs::absolute(path).parent_path(), output)) {
      fail(ErrorCode::kUsage, "{}: holds {}, which is read; give the output another name",
           quoted(output), quoted(path));
    }
  }
}

}  // namespace lathe
