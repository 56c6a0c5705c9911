// A checkpoint whose tensors a test makes up, in memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <random>

#include "lathe/checkpoint.h"

#include "support/aligned_bytes.h"
#include "tensor/float16.h"

namespace lathe {

class MemoryCheckpoint : public Checkpoint {
 public:
  // Without bytes in place, readers must copy.
  explicit MemoryCheckpoint(bool in_place) : in_place_(in_place) {}

  // Adds a tensor of random values (F32, F16 or BF16) and returns what it holds, as floats.
  std::vector<float> add(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                         unsigned seed) {
    std::int64_t n = 1;
    for (const std::int64_t dim : shape) n *= dim;
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(n));
    std::vector<std::byte> bytes(*dtype_bytes(dtype, static_cast<std::uint64_t>(n)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float x = normal(generator);
      if (dtype == DType::kF32) {
        values[i] = x;
        std::memcpy(bytes.data() + 4 * i, &x, 4);
      } else {
        const std::uint16_t h = dtype == DType::kF16 ? f32_to_f16(x) : f32_to_bf16(x);
        values[i] = dtype == DType::kF16 ? f16_to_f32(h) : bf16_to_f32(h);
        std::memcpy(bytes.data() + 2 * i, &h, 2);
      }
    }
    add_bytes(name, dtype, std::move(shape), bytes);
    return values;
  }

  // Adds a tensor of given bytes.
  void add_bytes(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                 std::span<const std::byte> bytes) {
    infos_.push_back({name, dtype, std::move(shape), bytes.size(), {}});
    bytes_.emplace_back(bytes.size());
    std::copy(bytes.begin(), bytes.end(), bytes_.back().bytes.begin());
  }

  // The same tensor once more, in memory of its own.
  void copy(std::size_t tensor) {
    const TensorInfo info = infos_[tensor];
    const std::vector<std::byte> bytes(bytes_[tensor].bytes.begin(), bytes_[tensor].bytes.end());
    add_bytes(info.name, info.dtype, info.shape, bytes);
  }

  CheckpointFormat format() const noexcept override { return CheckpointFormat::kLathe; }
  const std::string& path() const noexcept override { return path_; }
  bool has_model() const noexcept override { return true; }
  const ModelConfig& config() const noexcept override { return config_; }
  const std::optional<TokenizerFiles>& tokenizer_files() const noexcept override {
    return tokenizer_files_;
  }
  const std::map<std::string, std::string>& metadata() const noexcept override { return metadata_; }
  std::span<const TensorInfo> tensors() const noexcept override { return infos_; }
  std::optional<std::size_t> find(std::string_view name) const noexcept override {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == name) return i;
    }
    return std::nullopt;
  }
  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    if (!in_place_) return {};
    return bytes_[tensor].bytes;
  }
  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    const std::size_t row = infos_[tensor].bytes / static_cast<std::size_t>(infos_[tensor].rows());
    std::memcpy(out.data(), bytes_[tensor].bytes.data() + static_cast<std::size_t>(first) * row,
                static_cast<std::size_t>(count) * row);
  }
  void drop(std::size_t) const noexcept override {}

  ModelConfig config_;

 private:
  bool in_place_;
  std::string path_ = "memory";
  std::optional<TokenizerFiles> tokenizer_files_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorInfo> infos_;
  std::vector<test::AlignedBytes> bytes_;
};

}  // namespace lathe
