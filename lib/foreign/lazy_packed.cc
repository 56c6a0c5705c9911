#include "foreign/lazy_packed.h"

#include <algorithm>
#include <exception>
#include <sys/mman.h>
#include <utility>

#include "lathe/host/cpu_count.h"

#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"

namespace lathe {
namespace {

// Tiles that a thread takes at a time: what shares lines of a cache where columns stand in words.
constexpr std::int64_t kTilesAtATime = 8;
// Smaller matrices are made sooner than threads are.
constexpr std::uint64_t kBytesWorthSharing = std::uint64_t{256} << 10;

void pack_all(const ForeignMatrix& matrix, std::span<std::byte> out) {
  ForeignPacker packer(matrix, out);
  ThreadPool pool(out.size() < kBytesWorthSharing ? 1 : default_threads());
  FirstException problem;
  pool.parallel_for(packer.tiles(), kTilesAtATime, [&](std::int64_t first, std::int64_t last) {
    problem.guard([&] { packer.pack(first, last); });
  });
  problem.rethrow();
}

}  // namespace

LazyPacked::LazyPacked(std::shared_ptr<const ForeignMatrix> matrix) : matrix_(std::move(matrix)) {}

LazyPacked::~LazyPacked() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

std::span<const std::byte> LazyPacked::bytes() const noexcept {
  std::call_once(once_, [this] { make(); });
  return bytes_;
}

void LazyPacked::make() const noexcept {
  const auto size = static_cast<std::size_t>(packed_bytes(*matrix_));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  ::madvise(memory, size, MADV_HUGEPAGE);
  const std::span<std::byte> out(static_cast<std::byte*>(memory), size);
  try {
    pack_all(*matrix_, out);
    bytes_ = out;
  } catch (const std::exception&) {
    ::munmap(memory, size);  // no thread, or no memory for a tile
  }
}

}  // namespace lathe
