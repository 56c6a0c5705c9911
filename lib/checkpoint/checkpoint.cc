#include <algorithm>
#include <fmt/ranges.h>
#include <utility>

#include "lathe/checkpoint_parts.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/foreign_source.h"
#include "tensor/packed_layout.h"
#include "tensor/packed_names.h"

namespace lathe {

TensorSource::~TensorSource() = default;

Checkpoint::Checkpoint(std::shared_ptr<const CheckpointFacts> facts,
                       std::shared_ptr<const TensorSource> source)
    : facts_(std::move(facts)), source_(std::move(source)) {
  by_name_.reserve(tensors().size());
  for (std::size_t i = 0; i < tensors().size(); ++i) by_name_.emplace(tensors()[i].name, i);
}

Checkpoint::~Checkpoint() = default;

CheckpointFormat Checkpoint::format() const noexcept { return facts_->format; }

const std::string& Checkpoint::path() const noexcept { return facts_->path; }

bool Checkpoint::has_model() const noexcept { return facts_->has_model; }

const ModelConfig& Checkpoint::config() const noexcept { return facts_->config; }

const TokenizerFiles* Checkpoint::tokenizer_files() const noexcept {
  return facts_->tokenizer.get();
}

const std::map<std::string, std::string>& Checkpoint::metadata() const noexcept {
  return facts_->metadata;
}

std::span<const TensorInfo> Checkpoint::tensors() const noexcept { return facts_->tensors; }

std::optional<std::size_t> Checkpoint::find(std::string_view name) const noexcept {
  const auto it = by_name_.find(name);
  return it == by_name_.end() ? std::nullopt : std::optional(it->second);
}

std::span<const std::byte> Checkpoint::bytes_in_place(std::size_t tensor) const noexcept {
  return source_->bytes_in_place(tensor);
}

void Checkpoint::lend(std::size_t tensor,
                      const std::function<void(std::span<const std::byte>)>& use) const {
  if (const auto* source = dynamic_cast<const ForeignSource*>(source_.get())) {
    if (const LazyPacked* packed = source->foreign(tensor)) return packed->lend(use);
  }
  use(bytes_in_place(tensor));
}

void Checkpoint::drop(std::size_t tensor) const noexcept { source_->drop(tensor); }

void Checkpoint::check_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                            bool right_size) const {
  const TensorInfo& info = tensors()[tensor];
  if (first < 0 || count < 0 || first > info.rows() - count || !right_size) {
    fail(ErrorCode::kBug, "{}: rows {} to {} of tensor {} asked for, which has {}", quoted(path()),
         first, first + count, quoted(info.name), info.rows());
  }
}

void Checkpoint::read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                           std::span<std::byte> out) const {
  const TensorInfo& info = facts_->tensors.at(tensor);
  if (info.dtype == DType::kPacked) {
    fail(ErrorCode::kBug, "{}: bytes of single rows asked for of the packed tensor {}",
         quoted(path()), quoted(info.name));
  }
  const auto rows = static_cast<std::uint64_t>(info.rows());
  const std::uint64_t row_bytes = rows == 0 ? 0 : info.bytes / rows;
  check_rows(tensor, first, count, out.size() == static_cast<std::uint64_t>(count) * row_bytes);
  if (count > 0) source_->read_rows(tensor, first, count, out);
}

void Checkpoint::read_rows_f32(std::size_t tensor, std::int64_t first, std::int64_t count,
                               std::span<float> out) const {
  const TensorInfo& info = tensors()[tensor];
  const std::int64_t rows = info.rows();
  const std::int64_t cols = info.cols();
  check_rows(tensor, first, count, out.size() == static_cast<std::size_t>(count * cols));
  if (count == 0 || info.bytes == 0) return;
  if (const auto* source = dynamic_cast<const ForeignSource*>(source_.get())) {
    // As the format defines them, which may be finer than what the layout holds.
    if (const LazyPacked* packed = source->foreign(tensor)) {
      return packed->matrix().read_f32(first, count, out.data());
    }
  }
  if (info.dtype == DType::kPacked) {
    const std::span<const std::byte> bytes = bytes_in_place(tensor);
    const PackedMatrix matrix = parse_packed(bytes, quoted(info.name));
    for (std::int64_t r = 0; r < count; ++r) {
      unpack_row(matrix, first + r, out.data() + r * cols);
      to_input_order(packed_order(bytes), out.data() + r * cols);
    }
    return;
  }
  // A few megabytes of raw rows at a time.
  constexpr std::uint64_t kPiece = std::uint64_t{4} << 20;
  const std::uint64_t row_bytes = info.bytes / static_cast<std::uint64_t>(rows);
  const auto rows_at_once =
      static_cast<std::int64_t>(std::max<std::uint64_t>(1, kPiece / row_bytes));
  std::vector<std::byte> raw;
  for (std::int64_t at = 0; at < count; at += rows_at_once) {
    const std::int64_t now = std::min(rows_at_once, count - at);
    raw.resize(static_cast<std::size_t>(now) * static_cast<std::size_t>(row_bytes));
    read_rows(tensor, first + at, now, raw);
    to_floats(
        raw, info.dtype,
        out.subspan(static_cast<std::size_t>(at * cols), static_cast<std::size_t>(now * cols)),
        info.name, path());
  }
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::shared_ptr<const Tokenizer> make_tokenizer(const Checkpoint& checkpoint) {
  if (!checkpoint.tokenizer_files()) {
    fail_invalid("{}: the model has no tokenizer; convert it with one (convert --tokenizer FILE)",
                 quoted(checkpoint.path()));
  }
  return Tokenizer::create(*checkpoint.tokenizer_files());
}

std::string type_name(const Checkpoint& checkpoint, std::size_t tensor) {
  const TensorInfo& info = checkpoint.tensors()[tensor];
  if (info.dtype != DType::kPacked) return std::string(dtype_info(info.dtype).name);
  return packed_scheme_name(
      parse_packed(checkpoint.bytes_in_place(tensor), quoted(info.name)).scheme);
}

}  // namespace lathe
