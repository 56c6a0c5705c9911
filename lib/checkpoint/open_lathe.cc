// The native file as a Checkpoint: tensors in place.
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_json.h"
#include "checkpoint/formats.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/small_file.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

// A matrix of blocks is stored as bytes: its real type and shape.
void unwrap_blocks(const std::map<std::string, DType>& blocks, const std::string& file,
                   FoundTensor& tensor) {
  const auto it = blocks.find(tensor.name);
  if (it == blocks.end()) return;
  const DTypeInfo& type = dtype_info(it->second);
  if (tensor.dtype != DType::kU8 || tensor.shape.size() != 2 || tensor.shape[1] % type.bytes != 0) {
    fail_invalid("{}: the tensor {} is not rows of {} blocks", quoted(file), quoted(tensor.name),
                 type.name);
  }
  tensor.dtype = it->second;
  tensor.shape[1] = tensor.shape[1] / type.bytes * type.block;
}

// A packed matrix is stored as bytes that say its shape.
void unwrap_packed(const std::map<std::string, std::string>& packed, const TensorFile& file,
                   FoundTensor& tensor) {
  if (!packed.contains(tensor.name)) return;
  if (tensor.dtype != DType::kU8 || tensor.shape.size() != 1) {
    fail_invalid("{}: the tensor {} is not the bytes of a packed matrix", quoted(file.path()),
                 quoted(tensor.name));
  }
  const PackedMatrix matrix =
      parse_packed(file.tensor_data(tensor.index),
                   fmt::format("{}: tensor {}", quoted(file.path()), quoted(tensor.name)));
  tensor.dtype = DType::kPacked;
  tensor.shape = {matrix.rows, matrix.cols};
}

void check_version(const SafetensorsReader& file) {
  const auto it = file.metadata().find(lathe_file::kKeyVersion);
  const std::string version = it == file.metadata().end() ? "" : it->second;
  if (version != lathe_file::kVersion) {
    fail_unsupported("{}: is a .lathe file of version {}; this program reads version {}",
                     quoted(file.path()), quoted(version), lathe_file::kVersion);
  }
}

void require_checksums(const SafetensorsReader& file) {
  const VerifyReport report = lathe_file::verify_checksums(file);
  if (report.mismatched.empty()) return;
  fail_invalid("{}: {} of {} checksums do not match, the first one that of {}: the file is damaged",
               quoted(file.path()), report.mismatched.size(), report.tensors + 1,
               quoted(report.mismatched.front()));
}

}  // namespace

bool is_lathe(const ModelPath& path) {
  return path.safetensors() != nullptr && lathe_file::is_native(*path.safetensors());
}

CheckpointParts open_lathe(const ModelPath& path, const OpenOptions& options) {
  const std::shared_ptr<const SafetensorsReader>& file = path.safetensors();
  if (options.verify_checksums) require_checksums(*file);
  check_version(*file);
  CheckpointParts parts;
  CheckpointFacts& facts = parts.facts;
  facts.path = path.path();
  for (const auto& [key, value] : file->metadata()) {
    const bool bulky = key == lathe_file::kKeyBlocks || key == lathe_file::kKeyPacked ||
                       key == lathe_file::kKeyTensorSums;
    if (!bulky) facts.metadata[key] = value;
  }
  const auto blocks = lathe_file::read_blocks(*file);
  const auto packed = lathe_file::read_packed(*file);
  std::vector<FoundTensor> found;
  std::string config;
  TokenizerFiles tokenizer;
  tokenizer.origin = facts.path;
  for (FoundTensor& tensor : list_tensors(*file)) {
    if (!tensor.name.starts_with(lathe_file::kFilePrefix)) {
      unwrap_blocks(blocks, facts.path, tensor);
      unwrap_packed(packed, *file, tensor);
      found.push_back(std::move(tensor));
      continue;
    }
    const auto content = file->tensor_data(tensor.index);
    const std::string name = tensor.name.substr(lathe_file::kFilePrefix.size());
    if (name == "config.json") {
      config = text_of(content);
    } else if (name == "generation_config.json") {
      facts.metadata[metadata_keys::kGenerationConfig] = text_of(content);
    } else if (name == lathe_file::kCompiledTokenizer) {
      tokenizer.compiled_json = text_of(content);
    } else if (std::string* field = lathe_file::file_by_name(tokenizer, name)) {
      *field = text_of(content);
    } else {
      fail_unsupported("{}: holds the file {}, which this version does not know",
                       quoted(facts.path), quoted(name));
    }
  }
  if (config.empty()) fail_invalid("{}: holds no config.json", quoted(facts.path));
  const auto generation = facts.metadata.find(metadata_keys::kGenerationConfig);
  facts.config = config_from_json(
      config, generation == facts.metadata.end() ? std::string_view() : generation->second,
      facts.path);
  parts.file = file;
  match_tensors(parts, tensor_slots(parts.facts.config), found, &TensorSlot::lathe);
  tokenizer.rows = facts.config.vocab_size;
  if (!tokenizer.tokenizer_json.empty() || !tokenizer.sentencepiece_model.empty()) {
    facts.tokenizer = std::make_shared<const TokenizerFiles>(std::move(tokenizer));
  }
  return parts;
}

}  // namespace lathe
