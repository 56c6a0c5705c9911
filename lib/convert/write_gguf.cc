#include <algorithm>
#include <filesystem>
#include <utility>

#include "lathe/checkpoint_parts.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/common_layer.h"
#include "checkpoint/embedding_files.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/gguf_provenance.h"
#include "checkpoint/rope_factors.h"
#include "checkpoint/stored_checkpoint.h"
#include "container/gguf_writer.h"
#include "convert/config_to_gguf.h"
#include "convert/writers.h"

namespace lathe {
namespace {

// general.file_type: what most matrices are, by ggml's numbering of such mixtures.
constexpr std::pair<DType, std::uint32_t> kFileTypes[] = {
    {DType::kF16, 1},     {DType::kQ4_0, 2},     {DType::kQ4_1, 3},    {DType::kQ8_0, 7},
    {DType::kQ5_0, 8},    {DType::kQ5_1, 9},     {DType::kQ2_K, 10},   {DType::kQ3_K, 12},
    {DType::kQ4_K, 15},   {DType::kQ5_K, 17},    {DType::kQ6_K, 18},   {DType::kIQ2_XXS, 19},
    {DType::kIQ2_XS, 20}, {DType::kIQ3_XXS, 23}, {DType::kIQ1_S, 24},  {DType::kIQ4_NL, 25},
    {DType::kIQ3_S, 26},  {DType::kIQ2_S, 28},   {DType::kIQ4_XS, 30}, {DType::kIQ1_M, 31},
    {DType::kBF16, 32},   {DType::kTQ1_0, 36},   {DType::kTQ2_0, 37},  {DType::kMXFP4, 38},
    {DType::kNVFP4, 39},  {DType::kQ1_0, 40},    {DType::kQ2_0, 41}};

std::uint32_t file_type(DType main_type) {
  for (const auto& [type, number] : kFileTypes) {
    if (type == main_type) return number;
  }
  return 0;
}

std::string model_name(const Checkpoint& checkpoint) {
  const auto known = checkpoint.metadata().find("general.name");
  if (known != checkpoint.metadata().end()) return known->second;
  if (!checkpoint.config().name.empty()) return checkpoint.config().name;
  std::filesystem::path path(checkpoint.path());
  if (path.filename().empty()) path = path.parent_path();
  return path.stem().string();
}

void put_general(const Checkpoint& checkpoint, const Plan& plan, GgufMetadata& keys) {
  keys.set_string("general.architecture", family_by_type(checkpoint.config().family)->gguf);
  keys.set_string("general.type", "model");
  keys.set_string("general.name", model_name(checkpoint));
  keys.set_u32("general.file_type", file_type(plan.main_type));
  const bool blocks = std::any_of(plan.tensors.begin(), plan.tensors.end(),
                                  [](const auto& t) { return dtype_info(t.to).block > 1; });
  if (blocks) keys.set_u32("general.quantization_version", 2);
  write_provenance(checkpoint.metadata(), keys);
}

void put_tokenizer(const Checkpoint& checkpoint, GgufMetadata& keys) {
  const ModelConfig& config = checkpoint.config();
  if (const TokenizerFiles* files = checkpoint.tokenizer_files()) {
    const GgufVocabulary vocabulary = to_gguf(*files, config.vocab_size);
    if (vocabulary.tokens.size() != static_cast<std::size_t>(config.vocab_size)) {
      fail_invalid("{}: the tokenizer has {} tokens, but the embedding {} rows",
                   quoted(checkpoint.path()), vocabulary.tokens.size(), config.vocab_size);
    }
    put_vocabulary(vocabulary, keys);
    put_token_ids(config, &vocabulary, keys);
  } else {
    keys.set_string(gguf_keys::kTokenizerModel, "none");
    put_token_ids(config, nullptr, keys);
  }
}

// Divisors of rotary frequencies, which GGUF holds as tensors.
struct FactorTensor {
  const char* name;
  std::vector<float> factors;
};

std::vector<float> rope_factors(const AttentionConfig& attention) {
  const RopeConfig& rope = attention.rope;
  if (rope.scaling == RopeScalingKind::kLongRope) return {};
  if (rope.scaling != RopeScalingKind::kLlama3) return rope.frequency_factors;
  std::vector<float> factors = llama3_factors(rope, attention.head_dim);
  for (std::size_t i = 0; i < rope.frequency_factors.size(); ++i) {
    factors[i] *= rope.frequency_factors[i];
  }
  return factors;
}

std::vector<FactorTensor> factor_tensors(const AttentionConfig& attention) {
  const RopeConfig& rope = attention.rope;
  if (rope.scaling == RopeScalingKind::kLongRope) {
    return {{kGgufLongFactors, rope.long_factors}, {kGgufShortFactors, rope.frequency_factors}};
  }
  std::vector<float> factors = rope_factors(attention);
  if (factors.empty()) return {};
  return {{kGgufRopeFactors, std::move(factors)}};
}

}  // namespace

void check_gguf_can_hold(const Checkpoint& checkpoint, const Plan&) {
  const ModelConfig& config = checkpoint.config();
  const std::string file = quoted(checkpoint.path());
  const Family* family = family_by_type(config.family);
  const LayerConfig& layer = typical_layer(config);
  if (layer.mlp.activation != family->activation) {
    fail_unsupported("{}: GGUF's readers know another activation for architecture {}", file,
                     family->gguf);
  }
  const RopeConfig& rope = layer.attention.rope;
  if (rope.scaling == RopeScalingKind::kYarn && rope.truncate != family->gguf_truncates) {
    fail_unsupported("{}: GGUF cannot say that YaRN's ramp is{} truncated for architecture {}",
                     file, rope.truncate ? "" : " not", family->gguf);
  }
  if (!gguf_can_say(config)) {
    fail_unsupported("{}: a GGUF file of architecture {} cannot say all of this configuration",
                     file, family->gguf);
  }
  if (!family->gguf_rope_factors && !rope_factors(layer.attention).empty()) {
    fail_unsupported("{}: GGUF has no Llama 3 rope scaling for architecture {}", file,
                     family->gguf);
  }
  if (!family->gguf_all_biases && (layer.attention.output_bias || layer.mlp.bias)) {
    fail_unsupported(
        "{}: GGUF has no biases of the output projection or the MLP for architecture {}", file,
        family->gguf);
  }
}

namespace {

GgufMetadata make_keys(const Checkpoint& checkpoint, const Plan& plan,
                       const ConvertOptions& options) {
  GgufMetadata keys;
  put_general(checkpoint, plan, keys);
  put_config(checkpoint.config(), keys);
  put_tokenizer(checkpoint, keys);
  if (!plan.vector_types.empty()) keys.set_strings(gguf_keys::kVectorTypes, plan.vector_types);
  const auto embedding = checkpoint.metadata().find(kEmbeddingKey);
  if (embedding != checkpoint.metadata().end()) {
    if (const auto pooling = gguf_pooling(embedding->second)) {
      const std::string_view architecture = family_by_type(checkpoint.config().family)->gguf;
      keys.set_u32(fmt::format("{}.pooling_type", architecture), *pooling);
    }
  }
  const auto generation = checkpoint.metadata().find(metadata_keys::kGenerationConfig);
  if (generation != checkpoint.metadata().end()) {
    keys.set_string(gguf_keys::kGenerationConfig, generation->second);
  }
  if (!options.recipe.empty()) {
    keys.set_string(gguf_keys::kRecipe, options.recipe);
    keys.set_string(gguf_keys::kSourceHash, std::string(16, '0'));  // known at the end
  }
  return keys;
}

class PlanGgufWriter final : public PlanWriter {
 public:
  PlanGgufWriter(const Checkpoint& checkpoint, const Plan& plan, const ConvertOptions& options,
                 ByteOutput& out)
      : has_recipe_(!options.recipe.empty()) {
    const auto tensors = factor_tensors(typical_layer(checkpoint.config()).attention);
    std::vector<TensorSpec> specs;
    for (const FactorTensor& tensor : tensors) {
      specs.push_back(
          {tensor.name, DType::kF32, {static_cast<std::int64_t>(tensor.factors.size())}});
    }
    for (TensorSpec& spec : output_specs(plan.tensors)) specs.push_back(std::move(spec));
    writer_.emplace(out, make_keys(checkpoint, plan, options), std::move(specs));
    for (const FactorTensor& tensor : tensors) {
      writer_->append(std::as_bytes(std::span(tensor.factors)));
    }
  }

  void finish(const std::string& source) override {
    writer_->finish();
    if (has_recipe_) writer_->replace_string(gguf_keys::kSourceHash, source);
  }

  const TensorStream::Place& current() const override { return writer_->current(); }
  const std::string& header() const override { return writer_->header(); }
  std::uint64_t file_size() const override { return writer_->file_size(); }

 private:
  void put(std::span<const std::byte> bytes) override { writer_->append(bytes); }
  void keep() override { writer_->keep(); }

  bool has_recipe_;
  std::optional<GgufWriter> writer_;
};

}  // namespace

std::unique_ptr<PlanWriter> make_gguf_writer(const Checkpoint& checkpoint, const Plan& plan,
                                             const ConvertOptions& options, ByteOutput& out) {
  return std::make_unique<PlanGgufWriter>(checkpoint, plan, options, out);
}

}  // namespace lathe
