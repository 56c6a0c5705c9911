#include "checkpoint/hugging_face_folder.h"

#include <algorithm>
#include <utility>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/small_file.h"

namespace lathe {

std::string require_config(const FileSet& folder) {
  std::string name = "config.json";
  if (folder.has(name)) return name;
  if (folder.has("adapter_config.json")) fail_adapter_alone(folder.path());
  fail_invalid("{}: the folder has no config.json, so it is no Hugging Face model",
               quoted(folder.path()));
}

std::shared_ptr<const SafetensorsReader> open_folder_weights(const FileSet& folder) {
  const std::string single = "model.safetensors";
  const std::string index = single + ".index.json";
  // A folder with both has a single file from an earlier save beside its shards, or the other
  // way round; transformers takes the single file.
  if (folder.has(single)) return SafetensorsReader::open(folder.open_weights(single));
  if (folder.has(index)) return SafetensorsReader::open_index(folder, index);
  for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (folder.has(other)) {
      fail_unsupported(
          "{}: has only {}, a pickle, which can run code and is not read; save the model "
          "with safetensors",
          quoted(folder.path()), other);
    }
  }
  fail_invalid("{}: the folder has neither model.safetensors nor model.safetensors.index.json",
               quoted(folder.path()));
}

namespace {

// NAME.jinja for each further template, in the order of their names.
NamedTexts read_named_templates(const FileSet& files, const std::string& folder) {
  constexpr std::string_view kEnd = ".jinja";
  NamedTexts out;
  for (const std::string& name : files.names_in(folder)) {
    if (!name.ends_with(kEnd) || name.size() == kEnd.size()) continue;
    out.emplace_back(name.substr(0, name.size() - kEnd.size()),
                     read_small_file(files, folder + "/" + name));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

std::shared_ptr<const TokenizerFiles> tokenizer_from_folder(const FileSet& folder,
                                                            std::int64_t rows) {
  const auto read = [&](const char* name) { return read_small_file_if_there(folder, name); };
  TokenizerFiles files;
  files.origin = folder.path_of("");
  files.rows = rows;
  files.tokenizer_json = read("tokenizer.json");
  files.sentencepiece_model = read("tokenizer.model");
  if (files.tokenizer_json.empty() && files.sentencepiece_model.empty()) return nullptr;
  files.tokenizer_config_json = read("tokenizer_config.json");
  files.special_tokens_map_json = read("special_tokens_map.json");
  files.added_tokens_json = read("added_tokens.json");
  files.chat_template = read("chat_template.jinja");
  files.named_chat_templates = read_named_templates(folder, "additional_chat_templates");
  return std::make_shared<const TokenizerFiles>(std::move(files));
}

}  // namespace lathe
