#include "io/folder_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_errno(const std::string& path) {
  fail(ErrorCode::kIo, "{}: cannot look at it: {}", quoted(path), std::strerror(errno));
}

std::string target_of(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

fs::path folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

bool is_link(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 && S_ISLNK(about.st_mode);
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

bool is_hash(std::string_view name) {
  return (name.size() == 40 || name.size() == 64) &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A blob of the hub's cache, for a folder of links made from it.
bool is_hub_blob(const fs::path& target) {
  const fs::path blobs = target.parent_path();
  return blobs.filename() == "blobs" && is_hash(target.filename().native()) &&
         blobs.parent_path().filename().native().starts_with("models--");
}

// The blobs beside the snapshots, for a snapshot as it lies in the cache.
bool is_blob_of_snapshot(const fs::path& target, const fs::path& folder) {
  for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
    if (at.filename() != "snapshots") continue;
    return at != folder && target.parent_path() == at.parent_path() / "blobs";
  }
  return false;
}

void require_text_inside(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(folder_of(path), error);
  const fs::path target = fs::canonical(path, error);
  if (error) fail(ErrorCode::kIo, "{}: cannot look at it: {}", quoted(path), error.message());
  if (is_inside(target, folder) || is_blob_of_snapshot(target, folder) || is_hub_blob(target)) {
    return;
  }
  fail_invalid(
      "{}: is a link that leads out of the model's folder, to {}; it is not read, since its "
      "content "
      "could come with what is made of the model: put the file itself there if it belongs to it",
      quoted(path), quoted(target.native()));
}

// Others who may write into the folder don't choose what is read for its owner.
void require_link_of_owner(const std::string& path) {
  struct stat link {
  }, folder{};
  if (::lstat(path.c_str(), &link) != 0 || ::stat(folder_of(path).c_str(), &folder) != 0) {
    fail_errno(path);
  }
  if (link.st_uid == folder.st_uid || link.st_uid == ::geteuid() || link.st_uid == 0) return;
  fail_invalid(
      "{}: is a link of user {} in a folder of user {}, and is not followed: put the file itself "
      "there",
      quoted(path), link.st_uid, folder.st_uid);
}

}  // namespace

bool is_there(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) fail_errno(path);
  if (!is_link(path)) return false;
  fail_invalid(
      "{}: is a link to {}, and there is nothing: fetch what is missing, or remove the link",
      quoted(path), quoted(target_of(path)));
}

std::shared_ptr<const MappedFile> open_text_of_folder(const std::string& path) {
  if (is_there(path) && is_link(path)) require_text_inside(path);
  return MappedFile::open(path);
}

std::shared_ptr<const MappedFile> open_weights_of_folder(const std::string& path) {
  if (is_there(path) && is_link(path)) require_link_of_owner(path);
  return MappedFile::open(path);
}

}  // namespace lathe
