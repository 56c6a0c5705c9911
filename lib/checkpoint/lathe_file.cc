#include "checkpoint/lathe_file.h"

#include <array>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"

namespace lathe::lathe_file {
namespace {

struct NamedField {
  std::string_view name;
  std::string TokenizerFiles::*field;
};

constexpr std::array<NamedField, 6> kFields = {{
    {"tokenizer.json", &TokenizerFiles::tokenizer_json},
    {"tokenizer.model", &TokenizerFiles::sentencepiece_model},
    {"tokenizer_config.json", &TokenizerFiles::tokenizer_config_json},
    {"special_tokens_map.json", &TokenizerFiles::special_tokens_map_json},
    {"added_tokens.json", &TokenizerFiles::added_tokens_json},
    {"chat_template.jinja", &TokenizerFiles::chat_template},
}};

// Where a further template stands, by its name.
constexpr std::string_view kNamedTemplate = "additional_chat_templates/", kTemplateEnd = ".jinja";

}  // namespace

bool is_own_key(std::string_view key) noexcept {
  for (const std::string_view own :
       {kKeyFormat, kKeyVersion, kKeyBlocks, kKeyPacked, kKeyTool, kKeyRecipe, kKeySourceFormat,
        kKeySourceName, kKeySourceHash, kKeyTensorSums, kKeyHeaderSum}) {
    if (key == own) return true;
  }
  return false;
}

std::string header_checksum(const std::map<std::string, std::string>& metadata,
                            std::span<const TensorSpec> tensors) {
  Checksum sum;
  for (const auto& [key, value] : metadata) {
    if (key != kKeyHeaderSum) sum.add(fmt::format("{}\n{}\n", key, value));
  }
  for (const TensorSpec& tensor : tensors) {
    sum.add(fmt::format("{}\n{}\n{}\n", tensor.name, dtype_info(tensor.dtype).name,
                        fmt::join(tensor.shape, ",")));
  }
  return sum.text();
}

std::vector<std::pair<std::string, const std::string*>> named_files(const TokenizerFiles& files) {
  if (files.gguf) fail(ErrorCode::kBug, "a GGUF vocabulary has no files");
  std::vector<std::pair<std::string, const std::string*>> out;
  for (const NamedField& named : kFields) {
    const std::string& content = files.*named.field;
    if (!content.empty()) out.emplace_back(std::string(named.name), &content);
  }
  for (const auto& [name, text] : files.named_chat_templates) {
    out.emplace_back(fmt::format("{}{}{}", kNamedTemplate, name, kTemplateEnd), &text);
  }
  return out;
}

std::string* file_by_name(TokenizerFiles& files, std::string_view name) {
  for (const NamedField& named : kFields) {
    if (named.name == name) return &(files.*named.field);
  }
  if (name.starts_with(kNamedTemplate) && name.ends_with(kTemplateEnd) &&
      name.size() > kNamedTemplate.size() + kTemplateEnd.size()) {
    name.remove_prefix(kNamedTemplate.size());
    name.remove_suffix(kTemplateEnd.size());
    return &files.named_chat_templates.emplace_back(std::string(name), std::string()).second;
  }
  return nullptr;
}

bool is_native(const SafetensorsReader& file) {
  const auto it = file.metadata().find(kKeyFormat);
  return it != file.metadata().end() && it->second == kFormat;
}

std::map<std::string, std::string> read_packed(const SafetensorsReader& file) {
  std::map<std::string, std::string> out;
  const auto it = file.metadata().find(kKeyPacked);
  if (it == file.metadata().end()) return out;
  const nlohmann::json json = parse_json(it->second, file.path());
  const JsonView view(json, file.path(), "packed");
  view.for_each([&](const std::string& tensor, const JsonView& value) {
    out.emplace(tensor, value.as_string());
  });
  return out;
}

std::map<std::string, DType> read_blocks(const SafetensorsReader& file) {
  std::map<std::string, DType> out;
  const auto it = file.metadata().find(kKeyBlocks);
  if (it == file.metadata().end()) return out;
  const nlohmann::json json = parse_json(it->second, file.path());
  const JsonView view(json, file.path(), "blocks");
  view.for_each([&](const std::string& tensor, const JsonView& value) {
    const auto type = dtype_by_name(value.as_string());
    if (!type || dtype_info(*type).block == 1) {
      fail_unsupported("{}: the tensor {} is stored as {}, which this version does not know",
                       quoted(file.path()), quoted(tensor), quoted(value.as_string()));
    }
    out.emplace(tensor, *type);
  });
  return out;
}

}  // namespace lathe::lathe_file
