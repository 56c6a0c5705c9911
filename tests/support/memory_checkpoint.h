// A checkpoint in memory, for tests: tensors that a test makes up, each on 64 bytes.
//
// A builder: it is filled, and becomes a Checkpoint where one is asked for. What is made shares the
// bytes, so that pointers into them are good as long as either lives.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/checkpoint_parts.h"

#include "checkpoint/model_tensors.h"
#include "support/aligned_bytes.h"
#include "tensor/float16.h"

namespace lathe {

class MemoryCheckpoint {
 public:
  // Without bytes in place, readers must copy.
  explicit MemoryCheckpoint(bool in_place = true) : in_place_(in_place) { facts_.path = "memory"; }
  explicit MemoryCheckpoint(ModelConfig config) : MemoryCheckpoint() {
    facts_.config = std::move(config);
  }

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

  // Adds a tensor of given values.
  void add_floats(const std::string& name, std::vector<std::int64_t> shape,
                  const std::vector<float>& values) {
    add_bytes(name, DType::kF32, std::move(shape), std::as_bytes(std::span(values)));
  }

  // Adds a tensor of given bytes.
  void add_bytes(const std::string& name, DType dtype, std::vector<std::int64_t> shape,
                 std::span<const std::byte> bytes) {
    facts_.tensors.push_back(
        {name, dtype, std::move(shape), bytes.size(), tensor_by_name(name).value_or(TensorId{})});
    bytes_.push_back(aligned_copy(bytes));
  }

  // The tensor's bytes are these from now on.
  void replace(std::size_t tensor, DType dtype, std::span<const std::byte> bytes) {
    facts_.tensors[tensor].dtype = dtype;
    facts_.tensors[tensor].bytes = bytes.size();
    bytes_[tensor] = aligned_copy(bytes);
  }

  // The same tensor once more, in memory of its own.
  void copy(std::size_t tensor) {
    facts_.tensors.push_back(facts_.tensors[tensor]);
    bytes_.push_back(aligned_copy(bytes(tensor)));
  }

  const std::vector<TensorInfo>& tensors() const { return facts_.tensors; }
  std::span<const std::byte> bytes(std::size_t tensor) const { return bytes_[tensor]->bytes; }
  void set_has_model(bool has) { facts_.has_model = has; }

  std::shared_ptr<const Checkpoint> make() const {
    auto facts = std::make_shared<const CheckpointFacts>(facts_);
    auto source = std::make_shared<Source>(bytes_, in_place_);
    return std::make_shared<const Checkpoint>(std::move(facts), std::move(source));
  }
  operator std::shared_ptr<const Checkpoint>() const { return make(); }
  // Good until the next time.
  operator const Checkpoint&() const {
    made_ = make();
    return *made_;
  }

 private:
  using Bytes = std::shared_ptr<const test::AlignedBytes>;

  static Bytes aligned_copy(std::span<const std::byte> bytes) {
    test::AlignedBytes out(bytes.size());
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    return std::make_shared<const test::AlignedBytes>(std::move(out));
  }

  class Source final : public TensorSource {
   public:
    Source(std::vector<Bytes> bytes, bool in_place)
        : bytes_(std::move(bytes)), in_place_(in_place) {}

    std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
      if (!in_place_) return {};
      return bytes_[tensor]->bytes;
    }
    void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                   std::span<std::byte> out) const override {
      const std::size_t row = out.size() / static_cast<std::size_t>(count);
      std::memcpy(out.data(), bytes_[tensor]->bytes.data() + static_cast<std::size_t>(first) * row,
                  out.size());
    }
    void drop(std::size_t) const noexcept override {}

   private:
    std::vector<Bytes> bytes_;
    bool in_place_;
  };

  CheckpointFacts facts_;
  std::vector<Bytes> bytes_;
  bool in_place_;
  mutable std::shared_ptr<const Checkpoint> made_;
};

}  // namespace lathe
