// Writing the native file. Checksums are known at the end: the header is written with zeros in
// their places and once more with the sums.
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lathe/quantized_source.h"
#include "lathe/version.h"

#include "base/utf8.h"
#include "checkpoint/config_json.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/stored_checkpoint.h"
#include "container/safetensors_writer.h"
#include "convert/hugging_face_form.h"
#include "convert/writers.h"

namespace lathe {
namespace {

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
        key == kIgnoredTensors || key == metadata_keys::kLeftOut || key == kRoundedMatrices) {
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
  out[lathe_file::kKeySourceFormat] = checkpoint.format().name;
  out[lathe_file::kKeySourceName] =
      plan.source_name.empty() ? base_name(checkpoint.path()) : plan.source_name;
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

// The folder's files that ride along. The tokenizer's stay where they are.
class RidingFiles {
 public:
  RidingFiles(const Checkpoint& checkpoint, const Plan& plan) {
    const ModelConfig& config = checkpoint.config();
    config_ = config_to_json(config, plan.main_type, ConfigUse::kLathe);
    files_.emplace_back("config.json", config_);
    const auto generation = checkpoint.metadata().find(metadata_keys::kGenerationConfig);
    if (generation != checkpoint.metadata().end()) {
      generation_ = generation_config_to_json(config, generation->second);
      files_.emplace_back("generation_config.json", generation_);
    }
    if (const TokenizerFiles* tokenizer = checkpoint.tokenizer_files()) {
      const TokenizerFiles& files = hugging_face_form(*tokenizer, converted_);
      for (const auto& [name, content] : lathe_file::named_files(files)) {
        files_.emplace_back(name, *content);
      }
      compiled_ = compile_tokenizer(files);
      if (!compiled_.empty()) files_.emplace_back(lathe_file::kCompiledTokenizer, compiled_);
    }
  }
  RidingFiles(const RidingFiles&) = delete;  // views of its own members
  RidingFiles& operator=(const RidingFiles&) = delete;

  std::span<const std::pair<std::string, std::string_view>> all() const { return files_; }

 private:
  std::string config_, generation_, compiled_;
  std::optional<TokenizerFiles> converted_;
  std::vector<std::pair<std::string, std::string_view>> files_;  // by name
};

class LatheWriter final : public PlanWriter {
 public:
  LatheWriter(const Checkpoint& checkpoint, const Plan& plan, const ConvertOptions& options,
              ByteOutput& out)
      : files_(checkpoint, plan), metadata_(make_metadata(checkpoint, plan, options)) {
    specs_ = output_specs(plan.tensors);
    for (const auto& [name, content] : files_.all()) {
      specs_.push_back({std::string(lathe_file::kFilePrefix) + name,
                        DType::kU8,
                        {static_cast<std::int64_t>(content.size())}});
    }
    const std::string zeros(16, '0');
    metadata_[lathe_file::kKeySourceHash] = zeros;
    metadata_[lathe_file::kKeyHeaderSum] = zeros;
    metadata_[lathe_file::kKeyTensorSums] = std::string(specs_.size() * 17 - 1, '0');
    writer_.emplace(out, specs_, metadata_,
                    SafetensorsOptions{.data_alignment = lathe_file::kDataAlignment,
                                       .tensor_alignment = lathe_file::kTensorAlignment});
  }

  void finish(const std::string& source) override {
    for (const auto& [name, content] : files_.all()) {
      append(std::as_bytes(std::span(content)));
      end_tensor();
    }
    sums_.pop_back();
    metadata_[lathe_file::kKeySourceHash] = source;
    metadata_[lathe_file::kKeyTensorSums] = sums_;
    metadata_[lathe_file::kKeyHeaderSum] = lathe_file::header_checksum(metadata_, specs_);
    writer_->finish(metadata_);
  }

  const TensorStream::Place& current() const override { return writer_->current(); }
  const std::string& header() const override { return writer_->header(); }
  std::uint64_t file_size() const override { return writer_->file_size(); }

 private:
  void put(std::span<const std::byte> bytes) override { writer_->append(bytes); }
  void keep() override { writer_->keep(); }

  RidingFiles files_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorSpec> specs_;
  std::optional<SafetensorsWriter> writer_;
};

}  // namespace

std::unique_ptr<PlanWriter> make_lathe_writer(const Checkpoint& checkpoint, const Plan& plan,
                                              const ConvertOptions& options, ByteOutput& out) {
  return std::make_unique<LatheWriter>(checkpoint, plan, options, out);
}

}  // namespace lathe
