#include "model/load_blocks.h"

#include <algorithm>
#include <array>
#include <exception>
#include <mutex>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "parallel/cpu_count.h"
#include "parallel/thread_pool.h"
#include "tensor/repack_blocks.h"

namespace lathe {
namespace {

// Rows that a thread takes at a time, a multiple of a tile's sixteen.
constexpr std::int64_t kRowsAtATime = 64;

}  // namespace

PackedMatrix load_blocks(const Checkpoint& checkpoint, std::size_t tensor, WeightMemory* memory) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  const std::string what =
      fmt::format("{}: tensor {}", quoted(checkpoint.path()), quoted(info.name));
  const PackedScheme scheme = *packed_scheme_of(info.dtype);
  const std::optional<std::uint64_t> size = packed_bytes(scheme, info.rows(), info.cols());
  if (!size) fail(ErrorCode::kLimit, "{} is too large for this machine", what);
  *memory = WeightMemory(*size, what.c_str());
  constexpr std::array<std::int8_t, 16> kNoGrid = {};
  PackedWriter writer(scheme, info.rows(), info.cols(), 0, kNoGrid, memory->bytes());

  const std::size_t row_bytes = info.bytes / static_cast<std::uint64_t>(info.rows());
  std::mutex mutex;
  std::exception_ptr error;
  const auto repack = [&](std::int64_t first, std::int64_t last) noexcept {
    try {
      BlockRepacker repacker(info.dtype, info.cols());
      std::vector<std::byte> rows(16 * row_bytes);
      for (std::int64_t r = first; r < last; r += 16) {
        const std::int64_t count = std::min<std::int64_t>(16, last - r);
        checkpoint.read_rows(tensor, r, count,
                             std::span(rows).first(static_cast<std::size_t>(count) * row_bytes));
        repacker.repack(rows.data(), count, r / 16, writer);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
  };
  const bool small = info.rows() * info.cols() < (std::int64_t{1} << 18);
  ThreadPool pool(small ? 1 : available_cpus());
  pool.parallel_for(info.rows(), kRowsAtATime, repack);
  if (error) std::rethrow_exception(error);
  checkpoint.drop(tensor);
  return view_packed(memory->bytes(), what);
}

}  // namespace lathe
