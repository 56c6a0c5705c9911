#include "io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "lathe/host/lfs_pointer.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

// Smaller files are not worth reading two megabytes at a time.
constexpr std::size_t kLargePagesFrom = std::size_t{64} << 20;

}  // namespace

FileContent::~FileContent() = default;

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  // O_NONBLOCK: opening a FIFO that nobody writes must not hang; it is refused below.
  do {
    file->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (file->fd_ < 0 && errno == EINTR);
  if (file->fd_ < 0) {
    fail(ErrorCode::kIo, "{}: cannot open: {}", quoted(path), std::strerror(errno));
  }
  if (::fstat(file->fd_, &file->opened_) != 0) {
    fail(ErrorCode::kIo, "{}: cannot stat: {}", quoted(path), std::strerror(errno));
  }
  if (!S_ISREG(file->opened_.st_mode)) {
    fail(ErrorCode::kIo, "{}: is {}, not a regular file", quoted(path),
         S_ISDIR(file->opened_.st_mode) ? "a folder" : "a pipe, socket or device");
  }
  file->size_ = static_cast<std::size_t>(file->opened_.st_size);
  if (file->size_ > 0) {
    void* data = ::mmap(nullptr, file->size_, PROT_READ, MAP_SHARED, file->fd_, 0);
    if (data == MAP_FAILED) {
      const ErrorCode code = errno == ENOMEM ? ErrorCode::kLimit : ErrorCode::kIo;
      fail(code, "{}: cannot map {} bytes: {}", quoted(path), file->size_, std::strerror(errno));
    }
    file->data_ = static_cast<const std::byte*>(data);
    // A pass over the weights that misses the TLB at every 4 KB cannot overlap memory with
    // arithmetic: with large pages a token costs up to a third less. Advice only, and taken
    // only by file systems with large folios.
    if (file->size_ >= kLargePagesFrom) ::madvise(data, file->size_, MADV_HUGEPAGE);
  }
  refuse_lfs_pointer(file->bytes(), path);
  return file;
}

std::shared_ptr<const MappedFile> MappedFile::of(std::string path,
                                                 std::shared_ptr<const FileContent> content) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = std::move(path);
  file->content_ = std::move(content);
  file->size_ = static_cast<std::size_t>(file->content_->size());
  if (file->size_ == 0) return file;
  // What is not fetched takes no memory.
  void* data = ::mmap(nullptr, file->size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::kLimit, "{}: no room for {} bytes", quoted(file->path_), file->size_);
  }
  file->data_ = static_cast<const std::byte*>(data);
  return file;
}

void MappedFile::fetch(std::size_t offset, std::size_t size) const {
  if (!content_ || size == 0) return;
  const std::lock_guard lock(fetching_);
  if (fetched_.contains({offset, size})) return;
  content_->read(offset, {const_cast<std::byte*>(data_) + offset, size});
  fetched_.emplace(offset, size);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  if (fd_ >= 0) ::close(fd_);
}

bool MappedFile::unchanged() const noexcept {
  if (content_) return content_->unchanged();
  struct stat now {};
  return ::fstat(fd_, &now) == 0 && now.st_size == opened_.st_size &&
         now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
         now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec;
}

void MappedFile::drop(std::size_t offset, std::size_t size) const noexcept {
  if (content_) return;
  // Whole pages inside the range only: the neighbours may still be in use.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t first = (offset + page - 1) / page * page;
  const std::size_t last = (offset + size) / page * page;
  if (last > first) {
    ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
  }
}

}  // namespace lathe
