#include "model/populate.h"

#include <algorithm>
#include <cstdint>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22  // since Linux 5.14; older headers lack it
#endif

namespace lathe {
namespace {

// About half a millisecond when the pages are in the page cache.
constexpr std::size_t kStep = std::size_t{4} << 20;

}  // namespace

bool populate(std::span<const std::byte> memory, const std::function<bool()>& enough) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto at = reinterpret_cast<std::uintptr_t>(memory.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(memory.data()) + memory.size();
  while (at < end) {
    if (enough()) return false;
    const std::size_t size = std::min<std::size_t>(kStep, (end - at + page - 1) / page * page);
    if (::madvise(reinterpret_cast<void*>(at), size, MADV_POPULATE_READ) != 0) return false;
    at += size;
  }
  return true;
}

}  // namespace lathe
