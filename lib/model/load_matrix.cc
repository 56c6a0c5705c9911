#include "model/load_matrix.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "model/float_matrix.h"
#include "model/packed_weights.h"
#include "model/weight_memory.h"
#include "parallel/first_exception.h"
#include "tensor/packed_layout.h"
#include "tensor/repack_blocks.h"

namespace lathe {
namespace {

// Rows that a thread takes at a time, a multiple of a tile's sixteen.
constexpr std::int64_t kRowsAtATime = 64;

std::string name_of(const Checkpoint& checkpoint, std::size_t tensor) {
  return fmt::format("{}: tensor {}", quoted(checkpoint.path()),
                     quoted(checkpoint.tensors()[tensor].name));
}

WeightMemory memory_for(std::optional<std::uint64_t> bytes, const std::string& what) {
  if (!bytes) fail(ErrorCode::kLimit, "{} is too large for this machine", what);
  return WeightMemory(*bytes, what.c_str());
}

bool is_plain(DType type) noexcept {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

bool is_aligned(const void* p, std::size_t alignment) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

PackedMatrix view_tiles(std::span<const std::byte> bytes, const std::string& what, Range rows) {
  return view_packed(bytes, what, rows.first / 16, divide_up(rows.last, 16));
}

// Whole rows of blocks, sixteen at a time: where they lie, or a copy.
class BlockRows {
 public:
  BlockRows(const Checkpoint& checkpoint, std::size_t tensor)
      : checkpoint_(checkpoint), tensor_(tensor), in_place_(checkpoint.bytes_in_place(tensor)) {
    const TensorInfo& info = checkpoint.tensors()[tensor];
    row_bytes_ = static_cast<std::size_t>(info.bytes) / static_cast<std::size_t>(info.rows());
    if (in_place_.empty()) copy_.resize(16 * row_bytes_);
  }

  std::span<const std::byte> get(std::int64_t first, std::int64_t count) {
    const std::size_t bytes = static_cast<std::size_t>(count) * row_bytes_;
    if (!in_place_.empty()) {
      return in_place_.subspan(static_cast<std::size_t>(first) * row_bytes_, bytes);
    }
    const auto out = std::span(copy_).first(bytes);
    checkpoint_.read_rows(tensor_, first, count, out);
    return out;
  }

 private:
  const Checkpoint& checkpoint_;
  std::size_t tensor_;
  std::span<const std::byte> in_place_;
  std::size_t row_bytes_ = 0;
  std::vector<std::byte> copy_;
};

std::unique_ptr<WeightMatrix> repacked(const Checkpoint& checkpoint, std::size_t tensor,
                                       ThreadPool& pool, Range own) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  const std::string what = name_of(checkpoint, tensor);
  const PackedScheme scheme = *packed_scheme_of(info.dtype);
  WeightMemory memory = memory_for(packed_bytes(scheme, info.rows(), info.cols()), what);
  PackedWriter writer = BlockRepacker::writer(info.dtype, info.rows(), info.cols(), memory.bytes());
  FirstException problem;
  pool.parallel_for(own.size(), kRowsAtATime, [&](std::int64_t first, std::int64_t last) {
    problem.guard([&] {
      BlockRepacker repacker(info.dtype, info.cols());
      BlockRows rows(checkpoint, tensor);
      const std::int64_t end = own.first + last;
      for (std::int64_t r = own.first + first; r < end; r += 16) {
        const std::int64_t count = std::min<std::int64_t>(16, end - r);
        const std::span<const std::byte> blocks = rows.get(r, count);
        check_scales(blocks, info.dtype, info.name, checkpoint.path());
        repacker.repack(blocks.data(), count, r / 16, writer);
      }
    });
  });
  problem.rethrow();
  checkpoint.drop(tensor);
  const std::span<const std::byte> bytes = memory.bytes();
  return std::make_unique<PackedWeights>(view_tiles(bytes, what, own), bytes, std::move(memory));
}

// In memory of its own: as it is, or as F32 where nothing multiplies its type.
std::unique_ptr<WeightMatrix> copied(const Checkpoint& checkpoint, std::size_t tensor, Range own) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  const DType type = is_plain(info.dtype) ? info.dtype : DType::kF32;
  const auto elements =
      static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
  WeightMemory memory = memory_for(dtype_bytes(type, elements), name_of(checkpoint, tensor));
  const std::span<std::byte> out = memory.bytes();
  const std::size_t row = out.size() / static_cast<std::size_t>(info.rows());
  const std::span<std::byte> rows = out.subspan(static_cast<std::size_t>(own.first) * row,
                                                static_cast<std::size_t>(own.size()) * row);
  if (type == info.dtype) {
    checkpoint.read_rows(tensor, own.first, own.size(), rows);
  } else {
    checkpoint.read_rows_f32(tensor, own.first, own.size(),
                             {reinterpret_cast<float*>(rows.data()), rows.size() / sizeof(float)});
  }
  return std::make_unique<FloatMatrix>(type, info.rows(), info.cols(), out, std::move(memory));
}

}  // namespace

bool is_repacked(const TensorInfo& info) noexcept {
  return packed_scheme_of(info.dtype).has_value();
}

bool is_packed_on_request(const Checkpoint& checkpoint, const TensorInfo& info) noexcept {
  return checkpoint.format() == CheckpointFormat::kHuggingFace && info.dtype == DType::kPacked;
}

std::unique_ptr<WeightMatrix> load_matrix(const Checkpoint& checkpoint, std::size_t tensor,
                                          ThreadPool& pool, Range rows) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  if (is_repacked(info)) return repacked(checkpoint, tensor, pool, rows);
  const std::span<const std::byte> in_place = checkpoint.bytes_in_place(tensor);
  if (info.dtype == DType::kPacked) {
    return std::make_unique<PackedWeights>(view_tiles(in_place, name_of(checkpoint, tensor), rows),
                                           in_place);
  }
  const bool usable = is_plain(info.dtype) && !in_place.empty() &&
                      is_aligned(in_place.data(), dtype_info(info.dtype).bytes);
  if (!usable) return copied(checkpoint, tensor, rows);
  return std::make_unique<FloatMatrix>(info.dtype, info.rows(), info.cols(), in_place);
}

}  // namespace lathe
