// A regular file mapped read-only into memory.
//
// Errors: kIo when it cannot be opened (missing, folder, FIFO, permission), kInvalid for a pointer
// of Git LFS; always with the path. Thread-safe after construction. The file must not be cut while
// it is mapped; unchanged() tells whether it was replaced or modified.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <sys/stat.h>

namespace lathe {

class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::string& path() const noexcept { return path_; }

  // False once the file's size or modification time differs from when it was opened.
  bool unchanged() const noexcept;

  // Tells the kernel that [offset, offset + size) is not needed soon: keeps the resident
  // size of streaming conversions bounded.
  void drop(std::size_t offset, std::size_t size) const noexcept;

 private:
  MappedFile() = default;

  std::string path_;
  int fd_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  struct stat opened_ {};
};

}  // namespace lathe
