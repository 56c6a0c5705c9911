#include "checkpoint/stored_checkpoint.h"

#include <cstring>
#include <utility>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/foreign_source.h"
#include "checkpoint/row_order.h"
#include "checkpoint/split_experts.h"

namespace lathe {
namespace {

// Bytes of the tensor's elements must be aligned for whoever reads them in place as numbers.
bool is_aligned(const StoredTensor& tensor) {
  const DTypeInfo& type = dtype_info(tensor.stored);
  if (tensor.stored == DType::kPacked) return true;  // parse_packed() checked it
  // Blocks hold 16-bit scales and bytes.
  const std::size_t alignment = type.block == 1 ? static_cast<std::size_t>(type.bytes) : 2;
  return reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignment == 0;
}

// Copies `count` items of `size` bytes each from half order position `first` on; `from` begins
// with the item `from_first`.
void copy_reordered(std::span<const std::byte> from, std::int64_t from_first, std::int64_t first,
                    std::int64_t count, std::size_t size, const HeadRows& rows,
                    std::span<std::byte> out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto source = static_cast<std::size_t>(interleaved_of_half(first + i, rows) - from_first);
    std::memcpy(out.data() + static_cast<std::size_t>(i) * size, from.data() + source * size, size);
  }
}

class StoredSource final : public TensorSource, public ForeignSource {
 public:
  StoredSource(std::shared_ptr<const CheckpointFacts> facts, std::vector<StoredTensor> stored,
               std::shared_ptr<const TensorFile> file)
      : facts_(std::move(facts)), stored_(std::move(stored)), file_(std::move(file)) {}

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    const StoredTensor& stored = stored_[tensor];
    if (stored.packed) return stored.packed->bytes();
    if (is_decoded(tensor)) return {};
    const bool as_is = !stored.view && !stored.interleaved && !stored.less_one &&
                       stored.stored == facts_->tensors[tensor].dtype && is_aligned(stored);
    return as_is ? stored.bytes : std::span<const std::byte>();
  }

  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override;

  const LazyPacked* foreign(std::size_t tensor) const noexcept override {
    return stored_[tensor].packed.get();
  }

  // Of a part of a tensor more is dropped; what is needed yet is read again.
  void drop(std::size_t tensor) const noexcept override { file_->drop(stored_[tensor].index); }

 private:
  void read_vector(std::size_t tensor, std::span<std::byte> out) const;
  void read_matrix(std::size_t tensor, std::int64_t first, std::int64_t count,
                   std::span<std::byte> out) const;
  // The file lies in an archive, and its bytes are decoded when they are read. (Packed matrices are
  // asked for in place, and were fetched when it was opened.)
  bool is_decoded(std::size_t tensor) const noexcept {
    std::uint64_t offset = 0;
    return stored_[tensor].stored != DType::kPacked &&
           file_->tensor_content(stored_[tensor].index, offset) != nullptr;
  }
  // Where the stored tensor begins in the file's, of which it may be a part.
  std::size_t part_offset(const StoredTensor& stored) const noexcept;
  // Bytes of the stored tensor: where they lie, or decoded into `room`.
  std::span<const std::byte> stored_bytes(const StoredTensor& stored, std::size_t offset,
                                          std::size_t size, std::vector<std::byte>& room) const;
  HeadRows head_rows(const TensorInfo& info) const {
    const AttentionConfig& a = facts_->config.layer(info.id.layer).attention;
    return {a.head_dim, a.rotary_dims};
  }

  std::shared_ptr<const CheckpointFacts> facts_;
  std::vector<StoredTensor> stored_;
  std::shared_ptr<const TensorFile> file_;
};

void StoredSource::read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                             std::span<std::byte> out) const {
  // A file that shrank would end the process with SIGBUS; this notices almost always.
  if (!file_->unchanged()) {
    fail(ErrorCode::kIo, "{}: the file changed while it was being read", quoted(facts_->path));
  }
  const StoredTensor& stored = stored_[tensor];
  if (stored.view) {
    if (is_decoded(tensor)) file_->tensor_data(stored.index);
    // A vector's elements are rows.
    const TensorInfo& info = facts_->tensors[tensor];
    const bool vector = info.shape.size() < 2;
    return read_view(*stored.view, stored.bytes, stored.stored, first, vector ? info.cols() : count,
                     vector ? 1 : info.cols(), out);
  }
  if (facts_->tensors[tensor].shape.size() < 2) {
    read_vector(tensor, out);
  } else {
    read_matrix(tensor, first, count, out);
  }
}

void StoredSource::read_matrix(std::size_t tensor, std::int64_t first, std::int64_t count,
                               std::span<std::byte> out) const {
  const StoredTensor& stored = stored_[tensor];
  const std::size_t row_bytes = out.size() / static_cast<std::size_t>(count);
  const auto at = [&](std::int64_t row) { return static_cast<std::size_t>(row) * row_bytes; };
  if (!stored.interleaved) {
    std::uint64_t offset = 0;
    const FileContent* content = file_->tensor_content(stored.index, offset);
    if (content == nullptr) {
      std::memcpy(out.data(), stored.bytes.data() + at(first), out.size());
    } else {
      content->read(offset + part_offset(stored) + at(first), out);
    }
    return;
  }
  // Rows trade places within their head.
  const HeadRows rows = head_rows(facts_->tensors[tensor]);
  const std::int64_t begin = first / rows.dims * rows.dims;
  const std::int64_t end = round_up(first + count, rows.dims);
  std::vector<std::byte> room;
  copy_reordered(stored_bytes(stored, at(begin), at(end - begin), room), begin, first, count,
                 row_bytes, rows, out);
}

std::size_t StoredSource::part_offset(const StoredTensor& stored) const noexcept {
  return static_cast<std::size_t>(stored.bytes.data() - file_->tensor_place(stored.index).data());
}

std::span<const std::byte> StoredSource::stored_bytes(const StoredTensor& stored,
                                                      std::size_t offset, std::size_t size,
                                                      std::vector<std::byte>& room) const {
  std::uint64_t begin = 0;
  const FileContent* content = file_->tensor_content(stored.index, begin);
  if (content == nullptr) return stored.bytes.subspan(offset, size);
  room.resize(size);
  content->read(begin + part_offset(stored) + offset, room);
  return room;
}

void StoredSource::read_vector(std::size_t tensor, std::span<std::byte> out) const {
  const StoredTensor& stored = stored_[tensor];
  const TensorInfo& info = facts_->tensors[tensor];
  std::vector<std::byte> room, narrowed;
  std::span<const std::byte> bytes = stored_bytes(stored, 0, stored.bytes.size(), room);
  if (stored.less_one) {
    std::vector<float> floats(static_cast<std::size_t>(info.cols()));
    to_floats(bytes, stored.stored, floats, info.name, facts_->path);
    for (float& x : floats) x += 1.0f;
    std::memcpy(out.data(), floats.data(), out.size());
    return;
  }
  if (stored.stored != info.dtype) {
    narrowed.resize(out.size());
    narrow_exactly(bytes, info.dtype, narrowed, info.name, facts_->path);
    bytes = narrowed;
  }
  if (stored.interleaved) {
    const auto size = static_cast<std::size_t>(dtype_info(info.dtype).bytes);
    copy_reordered(bytes, 0, 0, info.cols(), size, head_rows(info), out);
  } else {
    std::memcpy(out.data(), bytes.data(), out.size());
  }
}

}  // namespace

std::shared_ptr<const Checkpoint> make_checkpoint(CheckpointParts parts) {
  const auto facts = std::make_shared<const CheckpointFacts>(std::move(parts.facts));
  return std::make_shared<const Checkpoint>(
      facts, std::make_shared<StoredSource>(facts, std::move(parts.stored), std::move(parts.file)));
}

}  // namespace lathe
