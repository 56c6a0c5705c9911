#include "model/weight_memory.h"

#include <limits>
#include <sys/mman.h>
#include <utility>

#include "base/fail.h"

namespace lathe {
namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;

}  // namespace

WeightMemory::WeightMemory(std::uint64_t bytes, const char* what, bool sparse) {
  void* data = MAP_FAILED;
  if (bytes <= std::numeric_limits<std::size_t>::max() / 2) {
    data = ::mmap(nullptr, static_cast<std::size_t>(bytes), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (data == MAP_FAILED) {
    fail(ErrorCode::kLimit, "{} needs {} bytes of memory, which cannot be had", what, bytes);
  }
  data_ = static_cast<std::byte*>(data);
  size_ = static_cast<std::size_t>(bytes);
#if defined(MADV_HUGEPAGE)
  if (size_ >= kLargePage) ::madvise(data, size_, sparse ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
#endif
}

WeightMemory::~WeightMemory() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

WeightMemory::WeightMemory(WeightMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

WeightMemory& WeightMemory::operator=(WeightMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace lathe
