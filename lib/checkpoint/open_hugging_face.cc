// A Hugging Face folder, or the file of safetensors in one, as a Checkpoint.
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lathe/quantized_source.h"

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "checkpoint/config_json.h"
#include "checkpoint/embedding_files.h"
#include "checkpoint/foreign_folder.h"
#include "checkpoint/formats.h"
#include "checkpoint/gguf_provenance.h"
#include "checkpoint/hugging_face_folder.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/small_file.h"
#include "checkpoint/split_experts.h"
#include "checkpoint/tied_head.h"
#include "checkpoint/wrapper.h"

namespace lathe {
bool is_hugging_face(const ModelPath& path) {
  if (path.is_folder()) return true;
  return path.safetensors() != nullptr && !lathe_file::is_native(*path.safetensors());
}

namespace {

// What a config.json says of the embedding's rows, -1 where it says nothing: a tokenizer may be
// used whose model is not supported.
std::int64_t rows_of(const FileSet& folder) {
  const std::string path = folder.path_of("config.json");
  const std::string text = read_small_file_if_there(folder, "config.json");
  if (text.empty()) return -1;
  const nlohmann::json json = parse_json(text, path);
  const JsonView config(json, path);
  if (!config.is_object()) return -1;
  const auto inner = config.find("text_config");
  return (inner && inner->is_object() ? *inner : config).get_int("vocab_size", 1).value_or(-1);
}

}  // namespace

std::shared_ptr<const TokenizerFiles> hugging_face_tokenizer(const ModelPath& path) {
  const FileSet& folder = path.files();
  auto files = tokenizer_from_folder(folder, rows_of(folder));
  if (!files) {
    fail_invalid("{}: the folder has neither tokenizer.json nor tokenizer.model",
                 quoted(folder.path()));
  }
  return files;
}

CheckpointParts open_hugging_face(const ModelPath& path, const OpenOptions&) {
  const FileSet& folder = path.files();
  // Weights alone do not make a model: the configuration lies beside them.
  if (!path.is_folder() && !folder.has("config.json")) {
    fail_invalid("{}: holds weights without a configuration, and there is no config.json beside it",
                 quoted(path.path()));
  }
  const std::string config_name = require_config(folder);
  CheckpointParts parts;
  CheckpointFacts& facts = parts.facts;
  facts.path = folder.path();
  const std::string generation = read_small_file_if_there(folder, "generation_config.json");
  const std::string config = read_small_file(folder, config_name);
  facts.config = config_from_json(config, generation, folder.path_of(config_name));
  if (!generation.empty()) facts.metadata[metadata_keys::kGenerationConfig] = generation;
  if (std::string embedding = embedding_of_folder(folder); !embedding.empty()) {
    facts.metadata[kEmbeddingKey] = std::move(embedding);
  }
  const auto weights = open_folder_weights(folder);
  parts.file = weights;
  for (const auto& [key, value] : weights->metadata()) {
    if (is_provenance(key)) facts.metadata[key] = value;
  }
  std::vector<FoundTensor> found = list_tensors(*parts.file);
  const std::vector<std::string> left_out = unwrap_tensors(found);
  if (!left_out.empty()) {
    facts.metadata[metadata_keys::kLeftOut] = fmt::format("{}", fmt::join(left_out, ", "));
  }
  join_foreign(folder, config, *weights, found);
  if (const std::string loss = foreign_loss(found); !loss.empty()) {
    facts.metadata[kRoundedMatrices] = loss;
  }
  settle_tied_head(facts.config, *parts.file, found);
  const Family* family = family_by_type(facts.config.family);
  if (family != nullptr && family->hf_mxfp4) split_experts(*parts.file, facts.config, found);
  const std::vector<TensorSlot> slots = tensor_slots(facts.config);
  drop_zero_biases(*weights, slots, found);
  match_tensors(parts, slots, found, &TensorSlot::hugging_face);
  facts.tokenizer = tokenizer_from_folder(folder, facts.config.vocab_size);
  return parts;
}

}  // namespace lathe
