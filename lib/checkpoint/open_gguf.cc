// GGUF as a Checkpoint: names mapped, q and k of the llama family in half order.
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_gguf.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/open.h"
#include "container/gguf_reader.h"

namespace lathe {
namespace {

// gguf_keys::kVectorTypes: "TYPE NAME" per vector that was widened to F32, "*" for all. Such
// tensors appear as what they were, so that conversions come back to the same bytes.
void restore_vector_types(const GgufReader& gguf, std::vector<StoredTensor>& tensors) {
  const auto types = gguf.get_strings(gguf_keys::kVectorTypes);
  if (!types) return;
  for (const std::string_view entry : *types) {
    const auto space = entry.find(' ');
    const auto type = dtype_by_name(entry.substr(0, space));
    if (space == std::string_view::npos || (type != DType::kF16 && type != DType::kBF16)) {
      fail_invalid("{}: {} holds {}", quoted(gguf.path()), gguf_keys::kVectorTypes, quoted(entry));
    }
    const std::string_view name = entry.substr(space + 1);
    for (StoredTensor& tensor : tensors) {
      const bool meant = name == "*" || tensor.info.name == name;
      if (!meant || tensor.info.shape.size() != 1 || tensor.stored != DType::kF32) continue;
      tensor.info.dtype = *type;
      tensor.info.bytes = tensor.bytes.size() / 2;
    }
  }
}

// What says something about the model to a person, or must survive a conversion.
void copy_metadata(const GgufReader& gguf, CheckpointParts& parts) {
  for (const GgufEntry& entry : gguf.metadata()) {
    // Not what the format itself asks for.
    const bool structural = entry.key == "general.architecture" || entry.key == "general.type";
    const bool wanted = entry.key.starts_with("general.") && !structural;
    if (!wanted || entry.value.type != GgufType::kString) continue;
    parts.metadata[entry.key] = gguf.get_string(entry.key).value_or("");
  }
  if (const auto text = gguf.get_string(gguf_keys::kGenerationConfig)) {
    parts.metadata[metadata_keys::kGenerationConfig] = *text;
  }
}

}  // namespace

CheckpointParts open_gguf(const std::string& path) {
  const auto gguf = GgufReader::open(path);
  CheckpointParts parts;
  parts.format = CheckpointFormat::kGguf;
  parts.path = path;
  parts.file = gguf;
  auto vocabulary = vocabulary_from_gguf(*gguf);
  const GgufVocabulary* known = vocabulary ? &*vocabulary : nullptr;
  parts.has_model = !gguf->tensors().empty();
  copy_metadata(*gguf, parts);
  if (parts.has_model) {
    parts.config = config_from_gguf(*gguf);
    if (known != nullptr &&
        known->tokens.size() > static_cast<std::size_t>(parts.config.vocab_size)) {
      fail_invalid("{}: the vocabulary has {} tokens, but the embedding {} rows", quoted(path),
                   known->tokens.size(), parts.config.vocab_size);
    }
    std::vector<FoundTensor> found = list_tensors(*gguf);
    // Part of the configuration.
    std::erase_if(found, [](const FoundTensor& t) { return t.name == kGgufRopeFactors; });
    std::vector<std::string> ignored;
    parts.tensors = match_tensors(parts.config, *gguf, found, &TensorSlot::gguf, ignored);
    note_ignored(ignored, parts);
    restore_vector_types(*gguf, parts.tensors);
  } else {
    parts.config = token_config_from_gguf(*gguf, known);
  }
  if (vocabulary) {
    TokenizerFiles files;
    files.chat_template = vocabulary->chat_template;
    files.gguf = *std::move(vocabulary);
    files.origin = path;
    parts.tokenizer = std::move(files);
  }
  return parts;
}

}  // namespace lathe
