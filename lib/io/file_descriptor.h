// An open file that is closed with its owner, read at given positions.
//
// For files that other programs may cut or rewrite at any time: what is read is a copy, where a
// mapping would change under its reader or end the process. Reading throws nothing. Thread-safe,
// but for moves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace lathe {

class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes over an open descriptor; a negative one is none.
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool good() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }
  // Gives the descriptor up: closing it is the caller's affair.
  int release() noexcept { return std::exchange(fd_, -1); }

  // Bytes of a regular file; nothing for anything else.
  std::optional<std::uint64_t> size() const noexcept;
  // Fills `out` from `offset` on. False when the file ends before, or cannot be read.
  bool read_at(std::uint64_t offset, std::span<std::byte> out) const noexcept;

 private:
  int fd_ = -1;
};

}  // namespace lathe
