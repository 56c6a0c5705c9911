#include "checkpoint/hugging_face_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/small_file.h"
#include "io/folder_file.h"

namespace lathe {

std::string require_config(const std::string& folder) {
  std::string path = folder + "/config.json";
  if (is_there(path)) return path;
  if (is_there(folder + "/adapter_config.json")) fail_adapter_alone(folder);
  fail_invalid("{}: the folder has no config.json, so it is no Hugging Face model", quoted(folder));
}

std::shared_ptr<const SafetensorsReader> open_folder_weights(const std::string& folder) {
  const std::string index = folder + "/model.safetensors.index.json";
  const std::string single = folder + "/model.safetensors";
  // A folder with both has a single file from an earlier save beside its shards, or the other
  // way round; transformers takes the single file.
  if (is_there(single)) return SafetensorsReader::open(open_weights_of_folder(single));
  if (is_there(index)) return SafetensorsReader::open_index(index);
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(folder + "/" + other)) {
      fail_unsupported(
          "{}: has only {}, a pickle, which can run code and is not read; save the model "
          "with safetensors",
          quoted(folder), other);
    }
  }
  fail_invalid("{}: the folder has neither model.safetensors nor model.safetensors.index.json",
               quoted(folder));
}

namespace {

// NAME.jinja for each further template, in the order of their names.
NamedTexts read_named_templates(const std::string& folder) {
  NamedTexts out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".jinja") continue;
    out.emplace_back(entry.path().stem().string(), read_small_file(entry.path().string()));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::shared_ptr<const TokenizerFiles> tokenizer_from_folder(const std::string& folder,
                                                            std::int64_t rows) {
  TokenizerFiles files;
  files.origin = folder + "/";
  files.rows = rows;
  files.tokenizer_json = read_small_file_if_there(folder + "/tokenizer.json");
  files.sentencepiece_model = read_small_file_if_there(folder + "/tokenizer.model");
  if (files.tokenizer_json.empty() && files.sentencepiece_model.empty()) return nullptr;
  files.tokenizer_config_json = read_small_file_if_there(folder + "/tokenizer_config.json");
  files.special_tokens_map_json = read_small_file_if_there(folder + "/special_tokens_map.json");
  files.added_tokens_json = read_small_file_if_there(folder + "/added_tokens.json");
  files.chat_template = read_small_file_if_there(folder + "/chat_template.jinja");
  files.named_chat_templates = read_named_templates(folder + "/additional_chat_templates");
  return std::make_shared<const TokenizerFiles>(std::move(files));
}

}  // namespace lathe
