#include "sgp_eval/file_set.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "common/fail.h"

namespace lathe::tool {

FileSet::FileSet(std::string folder, bool force) : folder_(std::move(folder)), force_(force) {
  made_folder_ = ::mkdir(folder_.c_str(), 0777) == 0;
  if (!made_folder_ && errno != EEXIST) {
    fail(ErrorCode::kIo, "{}: the folder can't be made: {}", lathe::quoted(folder_),
         std::strerror(errno));
  }
}

FileSet::~FileSet() {
  if (done_) return;
  files_.clear();
  for (const std::string& path : fresh_) ::unlink(path.c_str());
  if (made_folder_) ::rmdir(folder_.c_str());
}

void FileSet::add(const std::string& name, std::string_view text) {
  const std::string path = fmt::format("{}/{}", folder_, name);
  struct stat about {};
  const bool exists = ::lstat(path.c_str(), &about) == 0;
  files_.push_back({path, exists, std::make_unique<OutputFile>(path, force_)});
  files_.back().output->write(text);
}

void FileSet::commit() {
  for (const File& file : files_) file.output->prepare();
  for (const File& file : files_) {
    file.output->commit();
    if (!file.existed) fresh_.push_back(file.path);
  }
  done_ = true;
}

}  // namespace lathe::tool
