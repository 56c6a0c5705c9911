#include "convert/tensor_feeder.h"

#include <algorithm>
#include <cstring>

#include "checkpoint/convert_elements.h"
#include "checkpoint/row_order.h"

namespace lathe {
namespace {

// Of the source's or the output's bytes or of floats between them, whichever is most.
constexpr std::uint64_t kPieceBytes = std::uint64_t{8} << 20;
// How often the pages of a large tensor are dropped.
constexpr std::uint64_t kDropBytes = std::uint64_t{64} << 20;

}  // namespace

TensorFeeder::TensorFeeder(const Checkpoint& checkpoint, const ProgressCallback& progress,
                           std::uint64_t passes)
    : checkpoint_(checkpoint), progress_(progress) {
  for (const TensorInfo& info : checkpoint.tensors()) total_ += info.bytes * passes;
}

void TensorFeeder::feed(const PlannedTensor& tensor, const ByteSink& sink,
                        const ByteSink& source_sink) {
  const TensorInfo& info = checkpoint_.tensors()[tensor.source];
  if (info.dtype == DType::kPacked && tensor.to == DType::kPacked) {
    feed_packed(tensor, sink, source_sink);
    return;
  }
  const std::int64_t rows = info.rows();
  const auto cols = static_cast<std::uint64_t>(info.cols());
  const std::uint64_t row_bytes =
      std::max(info.bytes / static_cast<std::uint64_t>(rows), cols * sizeof(float));
  auto at_once = static_cast<std::int64_t>(std::max<std::uint64_t>(1, kPieceBytes / row_bytes));
  // Whole heads, so that a permutation stays inside its piece.
  if (tensor.interleave && info.shape.size() == 2) {
    const std::int64_t head_dim = head_rows(info).dims;
    at_once = std::max(head_dim, at_once / head_dim * head_dim);
  }
  std::uint64_t since_drop = 0;
  for (std::int64_t first = 0; first < rows; first += at_once) {
    if (progress_) progress_(done_, total_, info.name);
    const std::int64_t count = std::min(at_once, rows - first);
    feed_piece(tensor, first, count, sink, source_sink);
    const std::uint64_t read = raw_.size();
    done_ += read;
    since_drop += read;
    if (since_drop >= kDropBytes) {
      checkpoint_.drop(tensor.source);
      since_drop = 0;
    }
  }
  checkpoint_.drop(tensor.source);
}

void TensorFeeder::feed_source(std::size_t source, const ByteSink& source_sink) {
  const TensorInfo& info = checkpoint_.tensors()[source];
  const auto in_place = checkpoint_.bytes_in_place(source);
  if (!in_place.empty()) {
    source_sink(in_place);
    return;
  }
  if (info.bytes == 0) return;
  const std::uint64_t row_bytes = info.bytes / static_cast<std::uint64_t>(info.rows());
  const auto at_once =
      static_cast<std::int64_t>(std::max<std::uint64_t>(1, kPieceBytes / row_bytes));
  for (std::int64_t first = 0; first < info.rows(); first += at_once) {
    const std::int64_t count = std::min(at_once, info.rows() - first);
    raw_.resize(static_cast<std::size_t>(row_bytes * static_cast<std::uint64_t>(count)));
    checkpoint_.read_rows(source, first, count, raw_);
    source_sink(raw_);
  }
}

void TensorFeeder::begin(std::size_t source) {
  if (progress_) progress_(done_, total_, checkpoint_.tensors()[source].name);
}

void TensorFeeder::end(std::size_t source) { done_ += checkpoint_.tensors()[source].bytes; }

void TensorFeeder::feed_packed(const PlannedTensor& tensor, const ByteSink& sink,
                               const ByteSink& source_sink) {
  const TensorInfo& info = checkpoint_.tensors()[tensor.source];
  checkpoint_.lend(tensor.source, [&](std::span<const std::byte> bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += kPieceBytes) {
      if (progress_) progress_(done_ + at, total_, info.name);
      const auto piece = bytes.subspan(at, std::min<std::size_t>(kPieceBytes, bytes.size() - at));
      sink(piece);
      if (source_sink) source_sink(piece);
    }
  });
  done_ += info.bytes;
  checkpoint_.drop(tensor.source);
}

void TensorFeeder::feed_piece(const PlannedTensor& tensor, std::int64_t first, std::int64_t count,
                              const ByteSink& sink, const ByteSink& source_sink) {
  const TensorInfo& info = checkpoint_.tensors()[tensor.source];
  const auto rows = static_cast<std::uint64_t>(info.rows());
  const bool packed = info.dtype == DType::kPacked;
  raw_.resize(static_cast<std::size_t>(info.bytes / rows * static_cast<std::uint64_t>(count)));
  if (!packed) {
    checkpoint_.read_rows(tensor.source, first, count, raw_);
    if (source_sink) source_sink(raw_);
  } else if (source_sink && first == 0) {
    checkpoint_.lend(tensor.source, source_sink);
  }
  std::span<std::byte> piece = raw_;
  if (tensor.to != info.dtype || tensor.less_one) {
    floats_.resize(static_cast<std::size_t>(count * info.cols()));
    if (packed) {
      checkpoint_.read_rows_f32(tensor.source, first, count, floats_);
    } else {
      to_floats(raw_, info.dtype, floats_, info.name, checkpoint_.path());
    }
    if (tensor.less_one) {
      for (float& x : floats_) x -= 1.0f;
    }
    converted_.resize(
        static_cast<std::size_t>(tensor.bytes / rows * static_cast<std::uint64_t>(count)));
    from_floats(floats_, tensor.to, converted_, info.name, checkpoint_.path());
    piece = converted_;
  } else {
    check_scales(raw_, info.dtype, info.name, checkpoint_.path());
  }
  if (tensor.interleave) {
    const std::size_t items = info.shape.size() == 1 ? static_cast<std::size_t>(info.shape[0])
                                                     : static_cast<std::size_t>(count);
    interleave(tensor.source, piece, piece.size() / items);
  }
  sink(piece);
}

HeadRows TensorFeeder::head_rows(const TensorInfo& info) const {
  const AttentionConfig& a = checkpoint_.config().layer(info.id.layer).attention;
  return {a.head_dim, a.rotary_dims};
}

void TensorFeeder::interleave(std::size_t source, std::span<std::byte> rows,
                              std::size_t row_bytes) {
  const HeadRows head = head_rows(checkpoint_.tensors()[source]);
  permuted_.assign(rows.begin(), rows.end());
  const auto count = static_cast<std::int64_t>(rows.size() / row_bytes);
  for (std::int64_t row = 0; row < count; ++row) {
    const auto from = static_cast<std::size_t>(half_of_interleaved(row, head));
    std::memcpy(rows.data() + static_cast<std::size_t>(row) * row_bytes,
                permuted_.data() + from * row_bytes, row_bytes);
  }
}

void TensorFeeder::finish() {
  if (progress_) progress_(total_, total_, "");
}

}  // namespace lathe
