// A regular file mapped read-only into memory; or one that an archive holds, as if it were.
//
// Errors: kIo when it cannot be opened (missing, folder, FIFO, permission), kInvalid for a pointer
// of Git LFS; always with the path. Thread-safe after construction. The file must not be cut while
// it is mapped; unchanged() tells whether it was replaced or modified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace lathe {

// The bytes of a file that does not lie on disk as it is. Immutable and thread-safe.
class FileContent {
 public:
  virtual ~FileContent();
  virtual std::uint64_t size() const noexcept = 0;
  // Bytes from `offset` on, which exist. Throws kInvalid for what is damaged.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;
  // False once what they are made of was modified.
  virtual bool unchanged() const noexcept = 0;
};

class MappedFile {
 public:
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  // Memory of the content's size, in which bytes are zeros until fetch() asks for them.
  static std::shared_ptr<const MappedFile> of(std::string path,
                                              std::shared_ptr<const FileContent> content);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  const std::string& path() const noexcept { return path_; }

  // Null for a file on disk, whose bytes are all there.
  const FileContent* content() const noexcept { return content_.get(); }
  // Puts content into its place, where it stays. Throws kInvalid for what is damaged.
  void fetch(std::size_t offset, std::size_t size) const;

  // False once the file's size or modification time differs from when it was opened.
  bool unchanged() const noexcept;

  // Tells the kernel that [offset, offset + size) is not needed soon: keeps the resident
  // size of streaming conversions bounded. Of content nothing is dropped.
  void drop(std::size_t offset, std::size_t size) const noexcept;

 private:
  MappedFile() = default;

  std::string path_;
  int fd_ = -1;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  struct stat opened_ {};
  std::shared_ptr<const FileContent> content_;
  mutable std::mutex fetching_;
  mutable std::set<std::pair<std::size_t, std::size_t>> fetched_;
};

}  // namespace lathe
