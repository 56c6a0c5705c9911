#include "lathe/host/temporary_folder.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/fail.h"
#include "io/temporaries.h"

namespace lathe {

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  const std::string where = base == nullptr || *base == '\0' ? "/tmp" : base;
  for (;;) {
    std::uint64_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) {
      fail(ErrorCode::kIo, "{}: cannot make a folder: no random numbers: {}", quoted(where),
           std::strerror(errno));
    }
    path_ = fmt::format("{}/{}-{:016x}", where, prefix, number);
    // Registered before it exists: a signal may come as soon as it does.
    register_temporary(path_.c_str());
    if (::mkdir(path_.c_str(), 0700) == 0) return;
    const int error = errno;
    unregister_temporary(path_.c_str());
    if (error == EEXIST) continue;
    fail(ErrorCode::kIo, "{}: cannot make a folder: {}", quoted(path_), std::strerror(error));
  }
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  unregister_temporary(path_.c_str());
}

}  // namespace lathe
