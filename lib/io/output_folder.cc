#include "io/output_folder.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"
#include "io/final_name.h"
#include "io/temporaries.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

// "a/b/" and "a/b" are the same folder; the name of the temporary is built from the latter.
std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);  // best effort: some file systems refuse to sync a folder
  ::close(fd);
}

void require_replaceable(const std::string& path, const std::string& marker,
                         const std::string& inner) {
  bool found = false;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.is_directory(error) && (inner.empty() || entry.path().filename() != inner)) {
      fail(ErrorCode::kIo, "{}: holds the folder {}, so it is not replaced; remove it yourself",
           quoted(path), quoted(entry.path().filename().string()));
    }
    if (entry.path().filename() == marker) found = true;
  }
  if (error) fail(ErrorCode::kIo, "{}: cannot list: {}", quoted(path), error.message());
  if (!found && !fs::is_empty(path, error)) {
    fail(ErrorCode::kIo, "{}: has files but no {}, so it is not replaced; remove it yourself",
         quoted(path), marker);
  }
}

}  // namespace

struct OutputFolder::State {
  std::string path;
  std::string temporary;
  std::string marker, inner;
  bool overwrite = false;
  bool created = false;
};

OutputFolder::OutputFolder(const std::string& path, bool overwrite, const std::string& marker,
                           const std::string& inner)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = without_slashes(path);
  s.marker = marker;
  s.inner = inner;
  s.overwrite = overwrite;
  s.path = behind_links(s.path);
  struct stat old {};
  if (::stat(s.path.c_str(), &old) == 0) {
    if (!S_ISDIR(old.st_mode)) {
      fail(ErrorCode::kIo, "{}: exists and is no folder", quoted(s.path));
    }
    if (!overwrite) {
      fail(ErrorCode::kIo, "{}: the folder exists; use --force to replace it", quoted(s.path));
    }
    require_replaceable(s.path, marker, inner);
  }
  for (int attempt = 0; !s.created; ++attempt) {
    s.temporary = fmt::format("{}.tmp.{}.{}", s.path, ::getpid(), attempt);
    // Registered before it exists: a signal may come as soon as it does.
    register_temporary(s.temporary.c_str());
    s.created = ::mkdir(s.temporary.c_str(), 0700) == 0;
    if (s.created) break;
    const int error = errno;
    unregister_temporary(s.temporary.c_str());
    if (error != EEXIST || attempt > 1000) {
      fail(ErrorCode::kIo, "{}: cannot create: {}", quoted(s.path), std::strerror(error));
    }
  }
}

OutputFolder::~OutputFolder() {
  State& s = *state_;
  if (!s.created) return;
  std::error_code error;
  fs::remove_all(s.temporary, error);  // after commit() the old folder, or nothing
  unregister_temporary(s.temporary.c_str());
}

std::string OutputFolder::file(const std::string& name) const {
  std::string out = state_->temporary + "/" + name;
  std::error_code ignored;  // opening the file fails in words
  fs::create_directories(fs::path(out).parent_path(), ignored);
  return out;
}

void OutputFolder::commit() {
  State& s = *state_;
  ::chmod(s.temporary.c_str(), static_cast<mode_t>(0777) & ~current_umask());
  sync_folder(s.temporary);
  int renamed =
      ::renameat2(AT_FDCWD, s.temporary.c_str(), AT_FDCWD, s.path.c_str(), RENAME_NOREPLACE);
  if (renamed != 0 && errno == EEXIST && s.overwrite) {
    // Seen again: it may have been filled meanwhile.
    require_replaceable(s.path, s.marker, s.inner);
    renamed = ::renameat2(AT_FDCWD, s.temporary.c_str(), AT_FDCWD, s.path.c_str(), RENAME_EXCHANGE);
  } else if (renamed != 0 && errno == EINVAL) {
    // A file system without these flags: rename(2) replaces an empty folder at most.
    renamed = ::rename(s.temporary.c_str(), s.path.c_str());
  }
  if (renamed != 0) {
    if (errno == EEXIST || errno == ENOTEMPTY) {
      fail(ErrorCode::kIo, "{}: the folder exists; use --force to replace it", quoted(s.path));
    }
    fail(ErrorCode::kIo, "{}: cannot rename the finished folder to its name: {}", quoted(s.path),
         std::strerror(errno));
  }
  const std::string parent = fs::path(s.path).parent_path().string();
  sync_folder(parent.empty() ? "." : parent);
}

}  // namespace lathe
