// Memory that several processes of one user see, without a name in any file system: it goes with
// the last process that has it, however that ends (memfd_create(2), Linux).
//
// Whoever has it says where it is (place()), and others of the same machine and user open it there,
// through /proc. It only grows. Moves apart, const calls may come from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "io/file_descriptor.h"

namespace lathe {

struct MemoryPlace {
  std::int64_t process = 0, descriptor = -1;

  friend bool operator==(const MemoryPlace&, const MemoryPlace&) = default;
};

class SharedMemory {
 public:
  // New and empty. Nothing where the system has none to give.
  static std::optional<SharedMemory> create();
  // Another process's. Nothing where that is not there, or is no such memory.
  static std::optional<SharedMemory> open(const MemoryPlace& place);

  // Where others find it, as long as this is here.
  MemoryPlace place() const noexcept;
  // Writes behind what is there; its offset. Nothing where memory is short.
  std::optional<std::uint64_t> append(std::span<const std::byte> bytes);
  // A part of it, as long as the owner lives, which may be longer than this. Nothing where it does
  // not reach so far.
  struct Piece {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;
  };
  std::optional<Piece> piece(std::uint64_t offset, std::uint64_t size) const;

 private:
  explicit SharedMemory(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace lathe
