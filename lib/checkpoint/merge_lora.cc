// A checkpoint whose matrices are sums, computed as they are read.
#include <algorithm>
#include <utility>

#include "lathe/lora.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/lathe_file.h"

namespace lathe {
namespace {

bool is_plain(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

// Columns that are summed at once: they stay in the first-level cache.
constexpr std::int64_t kColumns = 1024;

// rows [first, first + count) of W (in `out`) + s·B·A.
void add_products(const LoraPair& pair, std::int64_t first, std::int64_t count,
                  std::span<float> out) {
  const std::int64_t cols = pair.embedding ? pair.out : pair.in;
  double sums[kColumns];
  for (std::int64_t row = first; row < first + count; ++row) {
    float* w = out.data() + (row - first) * cols;
    for (std::int64_t begin = 0; begin < cols; begin += kColumns) {
      const std::int64_t n = std::min(kColumns, cols - begin);
      std::fill_n(sums, n, 0.0);
      for (std::int64_t k = 0; k < pair.rank; ++k) {
        if (pair.embedding) {  // row: a token; column: a hidden unit
          const double a = pair.a[static_cast<std::size_t>(k * pair.in + row)];
          for (std::int64_t c = 0; c < n; ++c) {
            const auto at = static_cast<std::size_t>((begin + c) * pair.rank + k);
            sums[c] += a * static_cast<double>(pair.b[at]);
          }
        } else {
          const double b = pair.b[static_cast<std::size_t>(row * pair.rank + k)];
          const float* a = pair.a.data() + k * pair.in + begin;
          for (std::int64_t c = 0; c < n; ++c) sums[c] += b * static_cast<double>(a[c]);
        }
      }
      for (std::int64_t c = 0; c < n; ++c) {
        w[begin + c] = static_cast<float>(static_cast<double>(w[begin + c]) + pair.scale * sums[c]);
      }
    }
  }
}

// The base's facts, with the types that sums have.
std::shared_ptr<const CheckpointFacts> merged_facts(const Checkpoint& base,
                                                    const LoraAdapter& adapter,
                                                    std::optional<DType> dtype) {
  CheckpointFacts facts = *base.facts();
  facts.metadata["lora"] = adapter.label();
  facts.metadata.erase(lathe_file::kKeyHeaderSum);  // the base file's, by which it is known
  for (TensorInfo& info : facts.tensors) {
    if (!adapter.pairs().contains(info.name)) continue;
    info.dtype = dtype ? *dtype : is_plain(info.dtype) ? info.dtype : DType::kF32;
    const auto elements =
        static_cast<std::uint64_t>(info.rows()) * static_cast<std::uint64_t>(info.cols());
    info.bytes = dtype_bytes(info.dtype, elements).value();
  }
  return std::make_shared<const CheckpointFacts>(std::move(facts));
}

class MergedSource final : public TensorSource {
 public:
  MergedSource(std::shared_ptr<const CheckpointFacts> facts, std::shared_ptr<const Checkpoint> base,
               std::shared_ptr<const LoraAdapter> adapter)
      : facts_(std::move(facts)), base_(std::move(base)), adapter_(std::move(adapter)) {
    for (const TensorInfo& info : facts_->tensors) {
      const auto pair = adapter_->pairs().find(info.name);
      pairs_.push_back(pair == adapter_->pairs().end() ? nullptr : &pair->second);
    }
  }

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    return pairs_[tensor] != nullptr ? std::span<const std::byte>() : base_->bytes_in_place(tensor);
  }
  void drop(std::size_t tensor) const noexcept override { base_->drop(tensor); }

  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    const LoraPair* pair = pairs_[tensor];
    if (pair == nullptr) return base_->read_rows(tensor, first, count, out);
    const TensorInfo& info = facts_->tensors[tensor];
    std::vector<float> rows(static_cast<std::size_t>(count) *
                            static_cast<std::size_t>(info.cols()));
    base_->read_rows_f32(tensor, first, count, rows);
    add_products(*pair, first, count, rows);
    from_floats(rows, info.dtype, out, info.name, facts_->path);
  }

 private:
  std::shared_ptr<const CheckpointFacts> facts_;
  std::shared_ptr<const Checkpoint> base_;
  std::shared_ptr<const LoraAdapter> adapter_;
  std::vector<const LoraPair*> pairs_;  // by tensor; null: as the base has it
};

}  // namespace

std::shared_ptr<const Checkpoint> merge_lora(std::shared_ptr<const Checkpoint> base,
                                             std::shared_ptr<const LoraAdapter> adapter,
                                             std::optional<DType> dtype) {
  if (dtype && !is_plain(*dtype)) {
    fail(ErrorCode::kUsage, "merged weights can be f32, f16 or bf16, not {}",
         dtype_info(*dtype).name);
  }
  adapter = LoraAdapter::fit(std::move(adapter), *base);
  const auto facts = merged_facts(*base, *adapter, dtype);
  return std::make_shared<const Checkpoint>(
      facts, std::make_shared<MergedSource>(facts, std::move(base), std::move(adapter)));
}

}  // namespace lathe
