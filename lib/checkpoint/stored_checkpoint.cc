#include "checkpoint/stored_checkpoint.h"

#include <cstring>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/row_order.h"

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

// Copies `count` items of `size` bytes each from half order position `first` on.
void copy_reordered(std::span<const std::byte> from, std::int64_t first, std::int64_t count,
                    std::size_t size, std::int64_t head_dim, std::span<std::byte> out) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto source = static_cast<std::size_t>(interleaved_of_half(first + i, head_dim));
    std::memcpy(out.data() + static_cast<std::size_t>(i) * size, from.data() + source * size, size);
  }
}

class StoredCheckpoint final : public Checkpoint {
 public:
  explicit StoredCheckpoint(CheckpointParts parts) : parts_(std::move(parts)) {
    for (const StoredTensor& tensor : parts_.tensors) infos_.push_back(tensor.info);
    for (std::size_t i = 0; i < infos_.size(); ++i) by_name_.emplace(infos_[i].name, i);
  }

  CheckpointFormat format() const noexcept override { return parts_.format; }
  const std::string& path() const noexcept override { return parts_.path; }
  bool has_model() const noexcept override { return parts_.has_model; }
  const ModelConfig& config() const noexcept override { return parts_.config; }
  const std::optional<TokenizerFiles>& tokenizer_files() const noexcept override {
    return parts_.tokenizer;
  }
  const std::map<std::string, std::string>& metadata() const noexcept override {
    return parts_.metadata;
  }
  std::span<const TensorInfo> tensors() const noexcept override { return infos_; }

  std::optional<std::size_t> find(std::string_view name) const noexcept override {
    const auto it = by_name_.find(name);
    return it == by_name_.end() ? std::nullopt : std::optional(it->second);
  }

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    const StoredTensor& stored = parts_.tensors[tensor];
    const bool as_is =
        !stored.interleaved && stored.stored == stored.info.dtype && is_aligned(stored);
    return as_is ? stored.bytes : std::span<const std::byte>();
  }

  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override;

  void drop(std::size_t tensor) const noexcept override {
    parts_.file->drop(parts_.tensors[tensor].index);
  }

 private:
  void read_vector(const StoredTensor& stored, std::span<std::byte> out) const;
  std::int64_t head_dim_of(const StoredTensor& stored) const {
    return parts_.config.layer(stored.info.id.layer).attention.head_dim;
  }

  CheckpointParts parts_;
  std::vector<TensorInfo> infos_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // views of infos_' names
};

void StoredCheckpoint::read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                                 std::span<std::byte> out) const {
  const StoredTensor& stored = parts_.tensors.at(tensor);
  if (stored.info.dtype == DType::kPacked) {
    fail(ErrorCode::kBug, "{}: bytes of single rows asked for of the packed tensor {}",
         quoted(parts_.path), quoted(stored.info.name));
  }
  const std::int64_t rows = stored.info.rows();
  const std::size_t row_bytes =
      rows == 0 ? 0
                : static_cast<std::size_t>(stored.info.bytes / static_cast<std::uint64_t>(rows));
  if (first < 0 || count < 0 || first > rows - count ||
      out.size() != static_cast<std::size_t>(count) * row_bytes) {
    fail(ErrorCode::kBug, "{}: rows {} to {} of tensor {} asked for, which has {}",
         quoted(parts_.path), first, first + count, quoted(stored.info.name), rows);
  }
  // A file that shrank would end the process with SIGBUS; this notices almost always.
  if (!parts_.file->unchanged()) {
    fail(ErrorCode::kIo, "{}: the file changed while it was being read", quoted(parts_.path));
  }
  if (stored.info.shape.size() < 2) {
    if (count > 0) read_vector(stored, out);
  } else if (stored.interleaved) {
    copy_reordered(stored.bytes, first, count, row_bytes, head_dim_of(stored), out);
  } else {
    const auto offset = static_cast<std::size_t>(first) * row_bytes;
    std::memcpy(out.data(), stored.bytes.data() + offset, out.size());
  }
}

void StoredCheckpoint::read_vector(const StoredTensor& stored, std::span<std::byte> out) const {
  std::span<const std::byte> bytes = stored.bytes;
  std::vector<std::byte> narrowed;
  if (stored.stored != stored.info.dtype) {
    narrowed.resize(out.size());
    narrow_exactly(bytes, stored.info.dtype, narrowed, stored.info.name, parts_.path);
    bytes = narrowed;
  }
  if (stored.interleaved) {
    const auto size = static_cast<std::size_t>(dtype_info(stored.info.dtype).bytes);
    copy_reordered(bytes, 0, stored.info.cols(), size, head_dim_of(stored), out);
  } else {
    std::memcpy(out.data(), bytes.data(), out.size());
  }
}

}  // namespace

std::shared_ptr<const Checkpoint> make_checkpoint(CheckpointParts parts) {
  return std::make_shared<StoredCheckpoint>(std::move(parts));
}

}  // namespace lathe
