#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_json.h"
#include "checkpoint/embedding_files.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/gguf_provenance.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_writer.h"
#include "convert/hugging_face_form.h"
#include "convert/tensor_feeder.h"
#include "convert/writers.h"
#include "io/output_folder.h"

namespace lathe {
namespace {

constexpr const char* kConfig = "config.json";

struct Shard {
  std::string name;
  std::span<const PlannedTensor> tensors;
};

// In the plan's order; a tensor larger than a shard has one of its own.
std::vector<Shard> make_shards(const Plan& plan, std::uint64_t shard_size) {
  std::vector<Shard> shards;
  const std::span<const PlannedTensor> all = plan.tensors;
  std::size_t first = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < all.size();) {
    std::size_t end = i;  // of the tensor of the output
    std::uint64_t more = 0;
    do {
      more += all[end++].bytes;
    } while (end < all.size() && all[end].follows);
    if (i > first && bytes + more > shard_size) {
      shards.push_back({"", all.subspan(first, i - first)});
      first = i;
      bytes = 0;
    }
    bytes += more;
    i = end;
  }
  shards.push_back({"", all.subspan(first)});
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i].name = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
  return shards;
}

std::string make_index(const std::vector<Shard>& shards) {
  nlohmann::ordered_json weight_map = nlohmann::ordered_json::object();
  std::uint64_t total = 0;
  for (const Shard& shard : shards) {
    for (const PlannedTensor& tensor : shard.tensors) {
      weight_map[tensor.out.name] = shard.name;
      for (const TensorSpec& more : tensor.more) weight_map[more.name] = shard.name;
      total += tensor.bytes;
    }
  }
  nlohmann::ordered_json index;
  index["metadata"] = {{"total_size", total}};
  index["weight_map"] = std::move(weight_map);
  return index.dump(2) + "\n";
}

// What transformers writes, and asks for; and what came along from GGUF, which has no other place.
std::map<std::string, std::string> shard_metadata(const Checkpoint& checkpoint, const Plan& plan,
                                                  const ConvertOptions& options) {
  std::map<std::string, std::string> out = {{"format", "pt"}};
  for (const auto& [key, value] : checkpoint.metadata()) {
    if (is_provenance(key)) out.emplace(key, value);
  }
  if (!plan.quantization.empty()) out.emplace(gguf_keys::kRecipe, options.recipe);
  return out;
}

void write_shard(const Shard& shard, const std::string& path,
                 const std::map<std::string, std::string>& metadata, TensorFeeder& feeder) {
  std::vector<TensorSpec> specs = output_specs(shard.tensors);
  OutputFile out(path, false);
  SafetensorsWriter writer(out, specs, metadata);
  for (const PlannedTensor& tensor : shard.tensors) {
    const ByteSink sink = [&](std::span<const std::byte> bytes) { writer.append(bytes); };
    if (!tensor.make) {
      feeder.feed(tensor, sink);
      continue;
    }
    feeder.begin(tensor.source);
    tensor.make(sink);
    feeder.end(tensor.source);
  }
  writer.finish();
  out.commit();
}

void write_file(const OutputFolder& folder, const std::string& name, std::string_view content) {
  OutputFile out(folder.file(name), false);
  out.write(content);
  out.commit();
}

}  // namespace

namespace {

std::string config_of(const Checkpoint& checkpoint, const Plan& plan) {
  const bool quantized = std::ranges::any_of(plan.tensors, [](const PlannedTensor& tensor) {
    return tensor.to == DType::kU8;  // blocks of MXFP4
  });
  std::string text =
      config_to_json(checkpoint.config(), plan.main_type, ConfigUse::kHuggingFace, quantized);
  if (plan.quantization.empty()) return text;
  auto json = nlohmann::ordered_json::parse(text);
  json["quantization_config"] = nlohmann::ordered_json::parse(plan.quantization);
  return json.dump(2) + "\n";
}

}  // namespace

void check_hugging_face_can_hold(const Checkpoint& checkpoint, const Plan& plan) {
  config_of(checkpoint, plan);
}

void write_hugging_face(const Checkpoint& checkpoint, const Plan& plan, const std::string& folder,
                        const ConvertOptions& options) {
  const ModelConfig& config = checkpoint.config();
  const std::string config_json = config_of(checkpoint, plan);
  // Before anything is written: it may have no form here.
  const TokenizerFiles* tokenizer = checkpoint.tokenizer_files();
  std::optional<TokenizerFiles> made;
  if (tokenizer != nullptr) tokenizer = &hugging_face_form(*tokenizer, made);

  OutputFolder out(folder, options.overwrite, kConfig, kPoolingFolder);
  write_file(out, kConfig, config_json);
  const auto generation = checkpoint.metadata().find(metadata_keys::kGenerationConfig);
  write_file(out, "generation_config.json",
             generation_config_to_json(
                 config, generation == checkpoint.metadata().end() ? "" : generation->second));
  const auto embedding = checkpoint.metadata().find(kEmbeddingKey);
  if (embedding != checkpoint.metadata().end()) {
    for (const auto& [name, content] : embedding_files(embedding->second, config.hidden_size)) {
      write_file(out, name, content);
    }
  }
  if (tokenizer != nullptr) {
    for (const auto& [name, content] : lathe_file::named_files(*tokenizer)) {
      write_file(out, name, *content);
    }
  }
  const auto shards = make_shards(plan, options.shard_size);
  if (shards.size() > 1) write_file(out, "model.safetensors.index.json", make_index(shards));
  TensorFeeder feeder(checkpoint, options.progress);
  const auto metadata = shard_metadata(checkpoint, plan, options);
  for (const Shard& shard : shards) write_shard(shard, out.file(shard.name), metadata, feeder);
  feeder.finish();
  out.commit();
}

}  // namespace lathe
