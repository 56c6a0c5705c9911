#include "io/final_name.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

mode_t current_umask() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("Umask:")) continue;
    return static_cast<mode_t>(std::strtoul(line.c_str() + std::strlen("Umask:"), nullptr, 8));
  }
  // Elsewhere it can only be read by setting it: for a moment without rights for anybody else.
  const mode_t mask = ::umask(0077);
  ::umask(mask);
  return mask;
}

mode_t default_mode() { return static_cast<mode_t>(0666) & ~current_umask(); }

mode_t replacing_mode(mode_t old) { return old & static_cast<mode_t>(0777) & ~current_umask(); }

std::string behind_links(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

void give_final_name(const std::string& temporary, const std::string& path, bool overwrite,
                     bool durable) {
  const unsigned flags = overwrite ? 0u : static_cast<unsigned>(RENAME_NOREPLACE);
  int renamed = ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), flags);
  if (renamed != 0 && errno == EINVAL && flags != 0) {
    // A file system without RENAME_NOREPLACE: link(2) refuses to replace as well.
    renamed = ::link(temporary.c_str(), path.c_str());
    if (renamed == 0) ::unlink(temporary.c_str());
  }
  if (renamed != 0) {
    if (errno == EEXIST) {
      fail(ErrorCode::kIo, "{}: the file exists; use --force to replace it", quoted(path));
    }
    fail(ErrorCode::kIo, "{}: cannot rename the finished file to: {}", quoted(path),
         std::strerror(errno));
  }
  if (!durable) return;
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);  // best effort: some file systems refuse to sync a folder
    ::close(folder);
  }
}

}  // namespace lathe
