// Memory that must not be paged out (mlock).
//
// The limit is the process's RLIMIT_MEMLOCK ("ulimit -l"), which root and CAP_IPC_LOCK pass.
// Errors: kLimit with both numbers. What was locked is unlocked at the end.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace lathe {

class LockedMemory {
 public:
  LockedMemory() = default;
  // Reads all of it in, and keeps it there. `what` is for messages.
  LockedMemory(std::vector<std::span<const std::byte>> pieces, const std::string& what);
  ~LockedMemory();
  LockedMemory(const LockedMemory&) = delete;
  LockedMemory& operator=(const LockedMemory&) = delete;

 private:
  void unlock() noexcept;

  std::vector<std::span<const std::byte>> pieces_;  // whole pages
};

}  // namespace lathe
