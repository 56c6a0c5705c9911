#include "foreign/lazy_packed.h"

#include <exception>
#include <sys/mman.h>
#include <utility>

#include "lathe/host/cpu_count.h"

#include "base/fail.h"
#include "parallel/first_exception.h"
#include "parallel/thread_pool.h"

namespace lathe {
namespace {

// Tiles that a thread takes at a time: what shares lines of a cache where columns stand in words.
constexpr std::int64_t kTilesAtATime = 8;
// Smaller matrices are made sooner than threads are.
constexpr std::uint64_t kBytesWorthSharing = std::uint64_t{256} << 10;

void pack_all(const ForeignMatrix& matrix, int threads, std::span<std::byte> out) {
  ForeignPacker packer(matrix, out);
  ThreadPool pool(out.size() < kBytesWorthSharing ? 1 : threads);
  FirstException problem;
  pool.parallel_for(packer.tiles(), kTilesAtATime, [&](std::int64_t first, std::int64_t last) {
    problem.guard([&] { packer.pack(first, last); });
  });
  problem.rethrow();
}

void release(std::span<std::byte> mapping) noexcept {
  if (!mapping.empty()) ::munmap(mapping.data(), mapping.size());
}

// A mapping that holds the tensor; empty when there is no memory for it.
std::span<std::byte> make(const ForeignMatrix& matrix, int threads) noexcept {
  const auto size = static_cast<std::size_t>(packed_bytes(matrix));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {};
  ::madvise(memory, size, MADV_HUGEPAGE);
  const std::span<std::byte> out(static_cast<std::byte*>(memory), size);
  try {
    pack_all(matrix, threads, out);
    return out;
  } catch (const std::exception&) {
    release(out);  // no thread, or no memory for a tile
    return {};
  }
}

}  // namespace

LazyPacked::LazyPacked(std::shared_ptr<const ForeignMatrix> matrix) : matrix_(std::move(matrix)) {}

LazyPacked::~LazyPacked() { release(bytes_); }

std::span<const std::byte> LazyPacked::bytes() const noexcept {
  std::call_once(once_, [this] {
    bytes_ = make(*matrix_, 1);
    made_.store(true, std::memory_order_release);
  });
  return bytes_;
}

void LazyPacked::lend(const std::function<void(std::span<const std::byte>)>& use) const {
  if (made_.load(std::memory_order_acquire)) return use(bytes_);
  struct Lent {
    std::span<std::byte> bytes;
    ~Lent() { release(bytes); }
  };
  const Lent lent{make(*matrix_, default_threads())};
  if (lent.bytes.empty()) {
    fail(ErrorCode::kLimit, "there is no memory for a matrix of {} bytes", packed_bytes(*matrix_));
  }
  use(lent.bytes);
}

}  // namespace lathe
