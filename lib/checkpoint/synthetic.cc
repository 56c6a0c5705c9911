// Random weights by number: row r of tensor t is the same whoever asks, in any order.
#include "lathe/synthetic.h"

#include <array>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/family.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/tokenizer_file.h"
#include "tensor/float16.h"

namespace lathe {
namespace {

struct Shape {
  const char* name;
  const char* family;
  std::int64_t hidden, intermediate, layers, heads, kv_heads, head_dim, vocab, positions;
  double theta;
  bool tied;
};

// From the config.json of each model.
constexpr std::array<Shape, 17> kShapes = {{
    {"tinyllama-1.1b", "llama", 2048, 5632, 22, 32, 4, 64, 32000, 2048, 1e4, false},
    {"llama-42m", "llama", 512, 1376, 8, 8, 8, 64, 32000, 1024, 1e4, true},
    {"llama-160m", "llama", 768, 3072, 12, 12, 12, 64, 32000, 2048, 1e4, false},
    {"llama-2-7b", "llama", 4096, 11008, 32, 32, 32, 128, 32000, 4096, 1e4, false},
    {"llama-2-13b", "llama", 5120, 13824, 40, 40, 40, 128, 32000, 4096, 1e4, false},
    {"llama-2-70b", "llama", 8192, 28672, 80, 64, 8, 128, 32000, 4096, 1e4, false},
    {"llama-3-8b", "llama", 4096, 14336, 32, 32, 8, 128, 128256, 8192, 5e5, false},
    {"llama-3.1-8b", "llama", 4096, 14336, 32, 32, 8, 128, 128256, 131072, 5e5, false},
    {"llama-3.2-1b", "llama", 2048, 8192, 16, 32, 8, 64, 128256, 131072, 5e5, true},
    {"llama-3.2-3b", "llama", 3072, 8192, 28, 24, 8, 128, 128256, 131072, 5e5, true},
    {"mistral-7b", "mistral", 4096, 14336, 32, 32, 8, 128, 32768, 32768, 1e6, false},
    {"qwen2.5-0.5b", "qwen2", 896, 4864, 24, 14, 2, 64, 151936, 32768, 1e6, true},
    {"qwen2.5-1.5b", "qwen2", 1536, 8960, 28, 12, 2, 128, 151936, 131072, 1e6, true},
    {"qwen2.5-7b", "qwen2", 3584, 18944, 28, 28, 4, 128, 152064, 131072, 1e6, false},
    {"smollm2-135m", "llama", 576, 1536, 30, 9, 3, 64, 49152, 8192, 1e5, true},
    {"smollm2-360m", "llama", 960, 2560, 32, 15, 5, 64, 49152, 8192, 1e5, true},
    {"smollm2-1.7b", "llama", 2048, 8192, 24, 32, 32, 64, 49152, 8192, 1.3e5, true},
}};

ModelConfig config_of(const Shape& s, std::int64_t context_length) {
  ModelConfig c;
  c.family = s.family;
  c.name = s.name;
  c.hidden_size = s.hidden;
  c.vocab_size = s.vocab;
  c.max_position = context_length == 0 ? s.positions : context_length;
  c.tie_word_embeddings = s.tied;
  LayerConfig layer;
  layer.attention.heads = s.heads;
  layer.attention.kv_heads = s.kv_heads;
  layer.attention.head_dim = s.head_dim;
  layer.attention.rope.theta = s.theta;
  layer.attention.rotary_dims = s.head_dim;
  layer.attention.qkv_bias = family_by_type(s.family)->qkv_bias;
  layer.mlp.width = s.intermediate;
  c.layers.assign(static_cast<std::size_t>(s.layers), layer);
  validate(c, s.name);
  return c;
}

// SplitMix64 (Steele, Lea and Flood 2014): any state is as good as another, so rows can be
// numbered.
std::uint64_t next(std::uint64_t& state) noexcept {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The 4096 values that weights are drawn from: the sum of three even numbers on [-1, 1] has
// variance 1 and is near enough to normal. Only exact operations, so every machine has the same.
constexpr double kDeviation = 0.02;

std::vector<float> make_values() {
  std::vector<float> values(4096);
  std::uint64_t state = 1;
  for (float& v : values) {
    double sum = 0.0;
    for (int i = 0; i < 3; ++i) sum += static_cast<double>(next(state) >> 40) * 0x1p-23 - 1.0;
    v = static_cast<float>(sum * kDeviation);
  }
  return values;
}

std::shared_ptr<const CheckpointFacts> facts_of(const Shape& shape,
                                                const SyntheticOptions& options) {
  CheckpointFacts facts;
  facts.format = CheckpointFormat::kHuggingFace;
  facts.path = fmt::format("synthetic {}", shape.name);
  facts.config = config_of(shape, options.context_length);
  for (const TensorSlot& slot : tensor_slots(facts.config)) {
    TensorInfo info;
    info.name = slot.name();
    info.id = slot.id;
    info.dtype = options.type;
    info.shape = slot.shape;
    info.bytes = static_cast<std::uint64_t>(info.rows() * info.cols()) *
                 static_cast<std::uint64_t>(dtype_info(options.type).bytes);
    facts.tensors.push_back(std::move(info));
  }
  if (!options.tokenizer.empty()) {
    facts.tokenizer = load_tokenizer(options.tokenizer, facts.config.vocab_size);
  }
  return std::make_shared<const CheckpointFacts>(std::move(facts));
}

class SyntheticSource final : public TensorSource {
 public:
  SyntheticSource(std::shared_ptr<const CheckpointFacts> facts, DType type)
      : facts_(std::move(facts)), type_(type) {
    const std::vector<float> values = make_values();
    const auto size = static_cast<std::size_t>(dtype_info(type_).bytes);
    table_.resize(values.size() * size);
    for (std::size_t i = 0; i < values.size(); ++i) store(values[i], table_.data() + i * size);
  }

  std::span<const std::byte> bytes_in_place(std::size_t) const noexcept override { return {}; }
  void drop(std::size_t) const noexcept override {}

  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    const TensorInfo& info = facts_->tensors[tensor];
    const auto size = static_cast<std::size_t>(dtype_info(type_).bytes);
    const auto cols = static_cast<std::size_t>(info.cols());
    if (info.shape.size() < 2) {
      // Norms are ones, biases zeros.
      const float value = info.id.bias ? 0.0f : 1.0f;
      for (std::size_t k = 0; k < cols; ++k) store(value, out.data() + k * size);
      return;
    }
    std::byte* to = out.data();
    for (std::int64_t r = first; r < first + count; ++r, to += cols * size) {
      if (size == 2) {
        fill<2>(tensor, r, cols, to);
      } else {
        fill<4>(tensor, r, cols, to);
      }
    }
  }

 private:
  void store(float value, std::byte* to) const noexcept {
    if (type_ == DType::kF32) {
      std::memcpy(to, &value, sizeof value);
      return;
    }
    const std::uint16_t half = type_ == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
    std::memcpy(to, &half, sizeof half);
  }

  // Five values of twelve bits from each number.
  template <std::size_t Size>
  void fill(std::size_t tensor, std::int64_t row, std::size_t cols, std::byte* to) const noexcept {
    std::uint64_t state =
        (static_cast<std::uint64_t>(tensor) << 40) + static_cast<std::uint64_t>(row);
    state = next(state);
    for (std::size_t k = 0; k < cols;) {
      std::uint64_t bits = next(state);
      for (int i = 0; i < 5 && k < cols; ++i, ++k, bits >>= 12) {
        std::memcpy(to + k * Size, table_.data() + (bits & 4095u) * Size, Size);
      }
    }
  }

  std::shared_ptr<const CheckpointFacts> facts_;
  DType type_;
  std::vector<std::byte> table_;
};

}  // namespace

std::vector<std::string> synthetic_shapes() {
  std::vector<std::string> names;
  for (const Shape& shape : kShapes) names.emplace_back(shape.name);
  return names;
}

std::shared_ptr<const Checkpoint> synthetic_checkpoint(const std::string& name,
                                                       const SyntheticOptions& options) {
  if (options.type != DType::kF32 && options.type != DType::kF16 && options.type != DType::kBF16) {
    fail(ErrorCode::kUsage, "random weights are made in f32, f16 or bf16, not in {}",
         dtype_info(options.type).name);
  }
  for (const Shape& shape : kShapes) {
    if (shape.name != name) continue;
    const auto facts = facts_of(shape, options);
    return std::make_shared<const Checkpoint>(
        facts, std::make_shared<SyntheticSource>(facts, options.type));
  }
  fail(ErrorCode::kUsage, "{}: no such shape; there are {}", quoted(name),
       fmt::join(synthetic_shapes(), ", "));
}

}  // namespace lathe
