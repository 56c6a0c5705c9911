// Random weights by number: row r of tensor t is the same whoever asks, in any order.
#include "lathe/synthetic.h"

#include <array>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <optional>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_json.h"
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

ModelConfig config_of(const Shape& s) {
  ModelConfig c;
  c.family = s.family;
  c.hidden_size = s.hidden;
  c.vocab_size = s.vocab;
  c.max_position = s.positions;
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
  return c;
}

// Those that are more than a llama's sizes, in the words of their config.json.
struct WrittenShape {
  const char* name;
  const char* config;
};

constexpr std::array<WrittenShape, 5> kWrittenShapes = {{
    {"gemma-3-4b", R"({"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 34, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "vocab_size": 262208, "max_position_embeddings": 131072,
        "sliding_window": 1024, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256,
        "rope_theta": 1e6, "rope_local_base_freq": 1e4,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}})"},
    {"phi-4-mini", R"({"model_type": "phi3", "hidden_size": 3072, "intermediate_size": 8192,
        "num_hidden_layers": 32, "num_attention_heads": 24, "num_key_value_heads": 8,
        "vocab_size": 200064, "max_position_embeddings": 131072, "partial_rotary_factor": 0.75,
        "tie_word_embeddings": true, "eos_token_id": 199999, "pad_token_id": 199999})"},
    {"qwen3-30b-a3b", R"({"model_type": "qwen3_moe", "hidden_size": 2048,
        "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48,
        "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
        "num_experts_per_tok": 8, "norm_topk_prob": true, "vocab_size": 151936,
        "max_position_embeddings": 40960, "rope_theta": 1e6})"},
    {"mixtral-8x7b", R"({"model_type": "mixtral", "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "num_local_experts": 8, "num_experts_per_tok": 2, "vocab_size": 32000,
        "max_position_embeddings": 32768, "rope_theta": 1e6})"},
    {"gpt-oss-20b", R"({"model_type": "gpt_oss", "hidden_size": 2880, "intermediate_size": 2880,
        "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8,
        "head_dim": 64, "num_local_experts": 32, "num_experts_per_tok": 4, "vocab_size": 201088,
        "sliding_window": 128, "max_position_embeddings": 131072, "rope_theta": 150000,
        "rope_scaling": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
                         "beta_slow": 1.0, "original_max_position_embeddings": 4096,
                         "truncate": false}})"},
}};

std::optional<ModelConfig> config_by_name(const std::string& name) {
  for (const Shape& shape : kShapes) {
    if (shape.name == name) return config_of(shape);
  }
  for (const WrittenShape& shape : kWrittenShapes) {
    if (shape.name == name) return config_from_json(shape.config, "", name);
  }
  return std::nullopt;
}

ModelConfig shaped(ModelConfig config, const std::string& name, const SyntheticOptions& options) {
  config.name = name;
  if (options.context_length > 0) config.max_position = options.context_length;
  if (options.layers > config.num_layers()) {
    fail(ErrorCode::kUsage, "{} has {} layers, of which there cannot be {}", name,
         config.num_layers(), options.layers);
  }
  if (options.layers > 0) config.layers.resize(static_cast<std::size_t>(options.layers));
  validate(config, name);
  return config;
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

std::shared_ptr<const CheckpointFacts> facts_of(ModelConfig config,
                                                const SyntheticOptions& options) {
  CheckpointFacts facts;
  facts.format = CheckpointFormat::kHuggingFace;
  facts.path = fmt::format("synthetic {}", config.name);
  facts.config = std::move(config);
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
  for (const WrittenShape& shape : kWrittenShapes) names.emplace_back(shape.name);
  return names;
}

std::shared_ptr<const Checkpoint> synthetic_checkpoint(const std::string& name,
                                                       const SyntheticOptions& options) {
  if (options.type != DType::kF32 && options.type != DType::kF16 && options.type != DType::kBF16) {
    fail(ErrorCode::kUsage, "random weights are made in f32, f16 or bf16, not in {}",
         dtype_info(options.type).name);
  }
  if (auto config = config_by_name(name)) {
    const auto facts = facts_of(shaped(*std::move(config), name, options), options);
    return std::make_shared<const Checkpoint>(
        facts, std::make_shared<SyntheticSource>(facts, options.type));
  }
  fail(ErrorCode::kUsage, "{}: no such shape; there are {}", quoted(name),
       fmt::join(synthetic_shapes(), ", "));
}

}  // namespace lathe
