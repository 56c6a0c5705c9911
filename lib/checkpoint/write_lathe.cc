// Writing the native file. Checksums are known at the end: the header is written with zeros in
// their places and once more with the sums.
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lathe/version.h"

#include "base/utf8.h"
#include "checkpoint/checksum.h"
#include "checkpoint/config_json.h"
#include "checkpoint/conversion.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_writer.h"

namespace lathe {
namespace {

std::string format_name(CheckpointFormat format) {
  switch (format) {
    case CheckpointFormat::kGguf:
      return "gguf";
    case CheckpointFormat::kHuggingFace:
      return "hf";
    case CheckpointFormat::kLlama2c:
      return "llama2.c";
    case CheckpointFormat::kLathe:
      return "lathe";
  }
  return "";
}

// The last part of a path, which may end in a slash.
std::string base_name(const std::string& path) {
  std::filesystem::path p(path);
  if (p.filename().empty()) p = p.parent_path();
  return replace_invalid_utf8(p.filename().string());
}

std::map<std::string, std::string> make_metadata(const Checkpoint& checkpoint, const Plan& plan,
                                                 const ConvertOptions& options) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : checkpoint.metadata()) {
    if (lathe_file::is_own_key(key) || key == metadata_keys::kGenerationConfig ||
        key == metadata_keys::kIgnored) {
      continue;
    }
    out[replace_invalid_utf8(key)] = replace_invalid_utf8(value);
  }
  out[lathe_file::kKeyFormat] = lathe_file::kFormat;
  out[lathe_file::kKeyVersion] = lathe_file::kVersion;
  out[lathe_file::kKeyTool] = fmt::format("lathe {}", version());
  if (!options.recipe.empty()) {
    out[lathe_file::kKeyRecipe] = replace_invalid_utf8(options.recipe);
  }
  out[lathe_file::kKeySourceFormat] = format_name(checkpoint.format());
  out[lathe_file::kKeySourceName] = base_name(checkpoint.path());
  nlohmann::json blocks = nlohmann::json::object();
  nlohmann::json packed = nlohmann::json::object();
  for (const PlannedTensor& tensor : plan.tensors) {
    if (tensor.to == DType::kPacked) {
      packed[tensor.out.name] = tensor.scheme;
      continue;
    }
    if (tensor.to != tensor.out.dtype) blocks[tensor.out.name] = dtype_info(tensor.to).name;
  }
  if (!blocks.empty()) out[lathe_file::kKeyBlocks] = blocks.dump();
  if (!packed.empty()) out[lathe_file::kKeyPacked] = packed.dump();
  return out;
}

// The folder's files that ride along.
std::vector<std::pair<std::string, std::string>> make_files(const Checkpoint& checkpoint,
                                                            const Plan& plan) {
  std::vector<std::pair<std::string, std::string>> files;
  const ModelConfig& config = checkpoint.config();
  files.emplace_back("config.json", config_to_json(config, plan.main_type, ConfigUse::kLathe));
  const auto generation = checkpoint.metadata().find(metadata_keys::kGenerationConfig);
  if (generation != checkpoint.metadata().end()) {
    files.emplace_back("generation_config.json",
                       generation_config_to_json(config, generation->second));
  }
  if (const auto& tokenizer = checkpoint.tokenizer_files()) {
    const TokenizerFiles converted = to_hugging_face(*tokenizer);
    for (const auto& [name, content] : lathe_file::named_files(converted)) {
      files.emplace_back(name, *content);
    }
  }
  return files;
}

}  // namespace

void write_lathe(const Checkpoint& checkpoint, const Plan& plan, const std::string& path,
                 const ConvertOptions& options) {
  const auto files = make_files(checkpoint, plan);
  std::vector<TensorSpec> specs;
  for (const PlannedTensor& tensor : plan.tensors) specs.push_back(tensor.out);
  for (const auto& [name, content] : files) {
    specs.push_back({std::string(lathe_file::kFilePrefix) + name,
                     DType::kU8,
                     {static_cast<std::int64_t>(content.size())}});
  }
  auto metadata = make_metadata(checkpoint, plan, options);
  const std::string zeros(16, '0');
  metadata[lathe_file::kKeySourceHash] = zeros;
  metadata[lathe_file::kKeyHeaderSum] = zeros;
  metadata[lathe_file::kKeyTensorSums] = std::string(specs.size() * 17 - 1, '0');

  OutputFile out(path, options.overwrite);
  SafetensorsWriter writer(out, specs, metadata,
                           {.data_alignment = lathe_file::kDataAlignment,
                            .tensor_alignment = lathe_file::kTensorAlignment});
  TensorFeeder feeder(checkpoint, options);
  Checksum source;
  std::string sums;
  for (const PlannedTensor& tensor : plan.tensors) {
    Checksum sum;
    feeder.feed(
        tensor,
        [&](std::span<const std::byte> bytes) {
          sum.add(bytes);
          writer.append(bytes);
        },
        [&](std::span<const std::byte> bytes) { source.add(bytes); });
    sums += sum.text() + ' ';
  }
  for (const auto& [name, content] : files) {
    writer.append(std::as_bytes(std::span(content)));
    Checksum sum;
    sum.add(content);
    sums += sum.text() + ' ';
  }
  sums.pop_back();
  feeder.finish();
  metadata[lathe_file::kKeySourceHash] = source.text();
  metadata[lathe_file::kKeyTensorSums] = sums;
  metadata[lathe_file::kKeyHeaderSum] = lathe_file::header_checksum(metadata, specs);
  writer.finish(metadata);
  out.commit();
}

}  // namespace lathe
