#include "bench/file_cache.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fail.h"

namespace lathe::tool {
namespace {

namespace fs = std::filesystem;

class OpenFile {
 public:
  explicit OpenFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat about {};
    if (fd_ < 0 || ::fstat(fd_, &about) != 0) {
      const int why = errno;
      if (fd_ >= 0) ::close(fd_);
      fail(ErrorCode::kIo, "{}: cannot open: {}", lathe::quoted(path), std::strerror(why));
    }
    size_ = static_cast<std::size_t>(about.st_size);
  }
  ~OpenFile() { ::close(fd_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int fd() const { return fd_; }
  std::size_t size() const { return size_; }

 private:
  int fd_;
  std::size_t size_ = 0;
};

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::size_t cached_pages(const OpenFile& file, const std::string& path) {
  if (file.size() == 0) return 0;
  void* data = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::kIo, "{}: cannot map: {}", lathe::quoted(path), std::strerror(errno));
  }
  std::vector<unsigned char> resident((file.size() + page_size() - 1) / page_size());
  const int told = ::mincore(data, file.size(), resident.data());
  ::munmap(data, file.size());
  if (told != 0) return resident.size();
  return static_cast<std::size_t>(
      std::count_if(resident.begin(), resident.end(), [](unsigned char page) { return page & 1; }));
}

// "model-00001-of-00003.gguf" without the number of the part; nothing for other names.
std::string without_part(const std::string& name) {
  constexpr std::size_t kTail = std::string_view("-00001-of-00003.gguf").size();
  if (name.size() < kTail) return "";
  const std::string tail = name.substr(name.size() - kTail);
  if (tail[0] != '-' || tail.compare(6, 4, "-of-") != 0 || !tail.ends_with(".gguf")) return "";
  return name.substr(0, name.size() - kTail) + tail.substr(6);
}

}  // namespace

std::vector<std::string> model_files(const std::string& path) {
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  const std::string split = folder ? "" : without_part(fs::path(path).filename().string());
  if (!folder && split.empty()) return {path};
  const fs::path where = folder ? fs::path(path) : fs::absolute(path).parent_path();
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(where, error)) {
    if (!entry.is_regular_file(ignored)) continue;
    if (!folder && without_part(entry.path().filename().string()) != split) continue;
    files.push_back(entry.path().string());
  }
  if (error) fail(ErrorCode::kIo, "{}: cannot list: {}", lathe::quoted(path), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

void drop_from_cache(const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    const OpenFile file(path);
    ::fdatasync(file.fd());  // pages that are not on disk yet cannot be forgotten
    ::posix_fadvise(file.fd(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

void read_into_cache(const std::vector<std::string>& files) {
  std::vector<char> buffer(std::size_t{1} << 20);
  for (const std::string& path : files) {
    const OpenFile file(path);
    while (::read(file.fd(), buffer.data(), buffer.size()) > 0) continue;
  }
}

double cached_share(const std::vector<std::string>& files) {
  std::size_t cached = 0, all = 0;
  for (const std::string& path : files) {
    const OpenFile file(path);
    cached += cached_pages(file, path);
    all += (file.size() + page_size() - 1) / page_size();
  }
  return all == 0 ? 1.0 : static_cast<double>(cached) / static_cast<double>(all);
}

}  // namespace lathe::tool
