#include "model/locked_memory.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fail.h"

namespace lathe {
namespace {

std::string limit_text() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0) return "unknown";
  if (limit.rlim_cur == RLIM_INFINITY) return "none";
  return fmt::format("{} bytes", limit.rlim_cur);
}

// The pages that a piece touches.
std::span<const std::byte> whole_pages(std::span<const std::byte> piece) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(piece.data());
  const std::uintptr_t first = start / page * page;
  const std::uintptr_t last = (start + piece.size() + page - 1) / page * page;
  return {reinterpret_cast<const std::byte*>(first), last - first};
}

}  // namespace

LockedMemory::LockedMemory(std::vector<std::span<const std::byte>> pieces,
                           const std::string& what) {
  std::size_t total = 0;
  for (const auto& piece : pieces) total += piece.size();
  pieces_.reserve(pieces.size());
  for (const auto& piece : pieces) {
    if (piece.empty()) continue;
    const std::span<const std::byte> pages = whole_pages(piece);
    if (::mlock(pages.data(), pages.size()) != 0) {
      const int error = errno;
      unlock();
      fail(ErrorCode::kLimit,
           "{}: cannot lock {} bytes of weights in memory: {} (the limit for locked memory, "
           "ulimit -l, is {}); raise it, or do without --lock",
           what, total, std::strerror(error), limit_text());
    }
    pieces_.push_back(pages);
  }
}

LockedMemory::~LockedMemory() { unlock(); }

void LockedMemory::unlock() noexcept {
  for (const auto& pages : pieces_) ::munlock(pages.data(), pages.size());
  pieces_.clear();
}

}  // namespace lathe
