#include "model/copied_checkpoint.h"

#include <cstring>
#include <utility>
#include <vector>

#include "base/divide_up.h"
#include "base/escape.h"
#include "base/fail.h"
#include "model/load_matrix.h"
#include "model/own_rows.h"
#include "model/weight_memory.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

// What a kernel may ask of a matrix.
constexpr std::size_t kAlignment = 64;

// Whether the model would use it where it lies in the file.
bool used_in_place(const Checkpoint& checkpoint, const TensorInfo& info) {
  if (info.dtype == DType::kPacked) return !is_packed_on_request(checkpoint, info);
  return info.dtype == DType::kF32 || info.dtype == DType::kF16 || info.dtype == DType::kBF16;
}

class CopiedSource final : public TensorSource {
 public:
  CopiedSource(std::shared_ptr<const Checkpoint> from, const Share& share)
      : from_(std::move(from)), places_(from_->tensors().size()) {
    const auto padded = [](std::size_t n) {
      return (n + kAlignment - 1) / kAlignment * kAlignment;
    };
    std::size_t total = 0;
    const auto wanted = [&](std::size_t i) {
      return used_in_place(*from_, from_->tensors()[i]) ? from_->bytes_in_place(i)
                                                        : std::span<const std::byte>();
    };
    for (std::size_t i = 0; i < places_.size(); ++i) total += padded(wanted(i).size());
    if (total == 0) return;
    memory_ = WeightMemory(total, quoted(from_->path()).c_str(), is_part(share));
    std::byte* to = memory_.bytes().data();
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const std::span<const std::byte> bytes = wanted(i);
      if (bytes.empty()) continue;
      for (const auto piece : pieces_of(i, bytes, share)) {
        std::memcpy(to + (piece.data() - bytes.data()), piece.data(), piece.size());
      }
      from_->drop(i);  // one copy is enough
      places_[i] = {to, bytes.size()};
      to += padded(bytes.size());
    }
  }

  // Of the tensor's bytes those that the process reads.
  std::vector<std::span<const std::byte>> pieces_of(std::size_t tensor,
                                                    std::span<const std::byte> bytes,
                                                    const Share& share) const {
    const TensorInfo& info = from_->tensors()[tensor];
    if (!is_part(share) || !is_multiplied(info)) return {bytes};
    const Range rows = own_rows(info, from_->config(), grain_of(*from_), share);
    if (info.dtype != DType::kPacked) {
      const std::size_t row = bytes.size() / static_cast<std::size_t>(info.rows());
      return {bytes.subspan(static_cast<std::size_t>(rows.first) * row,
                            static_cast<std::size_t>(rows.size()) * row)};
    }
    const PackedMatrix view = parse_packed(bytes, quoted(info.name));
    auto pieces = packed_pieces(view, rows.first / 16, divide_up(rows.last, 16));
    pieces.push_back(bytes.first(sizeof(PackedHeader)));
    pieces.push_back(std::as_bytes(packed_order(bytes)));
    return pieces;
  }

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    return places_[tensor].empty() ? from_->bytes_in_place(tensor) : places_[tensor];
  }
  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    from_->read_rows(tensor, first, count, out);
  }
  void drop(std::size_t tensor) const noexcept override {
    if (places_[tensor].empty()) from_->drop(tensor);
  }

 private:
  std::shared_ptr<const Checkpoint> from_;
  WeightMemory memory_;
  std::vector<std::span<const std::byte>> places_;
};

}  // namespace

std::shared_ptr<const Checkpoint> copy_to_memory(std::shared_ptr<const Checkpoint> checkpoint,
                                                 const Share& share) {
  auto facts = checkpoint->facts();
  return std::make_shared<const Checkpoint>(
      std::move(facts), std::make_shared<CopiedSource>(std::move(checkpoint), share));
}

}  // namespace lathe
