// A Hugging Face folder as a Checkpoint.
#include <filesystem>
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_json.h"
#include "checkpoint/open.h"
#include "container/safetensors_reader.h"

namespace lathe {

std::shared_ptr<const SafetensorsReader> open_folder_weights(const std::string& folder) {
  std::error_code ignored;
  const std::string index = folder + "/model.safetensors.index.json";
  const std::string single = folder + "/model.safetensors";
  // A folder with both has a single file from an earlier save beside its shards, or the other
  // way round; transformers takes the single file.
  if (std::filesystem::exists(single, ignored)) return SafetensorsReader::open(single);
  if (std::filesystem::exists(index, ignored)) return SafetensorsReader::open_index(index);
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (std::filesystem::exists(folder + "/" + other, ignored)) {
      fail_unsupported(
          "{}: has only {}, a pickle, which can run code and is not read; save the model "
          "with safetensors",
          quoted(folder), other);
    }
  }
  fail_invalid("{}: the folder has neither model.safetensors nor model.safetensors.index.json",
               quoted(folder));
}

CheckpointParts open_hugging_face(const std::string& folder) {
  CheckpointParts parts;
  CheckpointFacts& facts = parts.facts;
  facts.format = CheckpointFormat::kHuggingFace;
  facts.path = folder;
  const std::string config_path = folder + "/config.json";
  const std::string generation = read_small_file_if_there(folder + "/generation_config.json");
  facts.config = config_from_json(read_small_file(config_path), generation, config_path);
  if (!generation.empty()) facts.metadata[metadata_keys::kGenerationConfig] = generation;
  parts.file = open_folder_weights(folder);
  match_tensors(parts, list_tensors(*parts.file), &TensorSlot::hugging_face);
  if (auto tokenizer = tokenizer_from_folder(folder)) {
    facts.tokenizer = std::make_shared<const TokenizerFiles>(*std::move(tokenizer));
  }
  return parts;
}

}  // namespace lathe
