// GGUF as a Checkpoint: names mapped, q and k of the llama family in half order.
#include <cstring>
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/config_gguf.h"
#include "checkpoint/embedding_files.h"
#include "checkpoint/formats.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/gguf_provenance.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/sampling_gguf.h"
#include "container/gguf_reader.h"

namespace lathe {
namespace {

// gguf_keys::kVectorTypes: "TYPE NAME" per vector that was widened to F32, "*" for all. Such
// tensors appear as what they were, so that conversions come back to the same bytes.
void restore_vector_types(const GgufReader& gguf, CheckpointParts& parts) {
  const auto types = gguf.get_strings(gguf_keys::kVectorTypes);
  if (!types) return;
  for (const std::string_view entry : *types) {
    const auto space = entry.find(' ');
    const auto type = dtype_by_name(entry.substr(0, space));
    if (space == std::string_view::npos || (type != DType::kF16 && type != DType::kBF16)) {
      fail_invalid("{}: {} holds {}", quoted(gguf.path()), gguf_keys::kVectorTypes, quoted(entry));
    }
    const std::string_view name = entry.substr(space + 1);
    for (std::size_t i = 0; i < parts.stored.size(); ++i) {
      TensorInfo& info = parts.facts.tensors[i];
      const StoredTensor& stored = parts.stored[i];
      const bool meant = name == "*" || info.name == name;
      if (!meant || info.shape.size() != 1 || stored.stored != DType::kF32) continue;
      info.dtype = *type;
      info.bytes = stored.bytes.size() / 2;
    }
  }
}

// What says something about the model to a person, or must survive a conversion.
void copy_metadata(const GgufReader& gguf, std::map<std::string, std::string>& out) {
  read_provenance(gguf, out);
  if (const auto text = gguf.get_string(gguf_keys::kGenerationConfig)) {
    out[metadata_keys::kGenerationConfig] = *text;
  } else if (std::string made = generation_config_of(gguf); !made.empty()) {
    out[metadata_keys::kGenerationConfig] = std::move(made);
  }
}

// Null without a vocabulary.
std::shared_ptr<const TokenizerFiles> tokenizer_of(const GgufReader& gguf,
                                                   std::optional<GgufVocabulary> vocabulary) {
  if (!vocabulary) return nullptr;
  auto files = std::make_shared<TokenizerFiles>();
  files->gguf = std::move(vocabulary);
  files->origin = gguf.path();
  if (const auto embedding = gguf.find_tensor(gguf_tensor_name({TensorRole::kEmbedding}))) {
    const std::vector<std::int64_t>& shape = gguf.tensors()[*embedding].shape;
    if (shape.size() == 2) files->rows = shape.front();
  }
  return files;
}

// Beside matrices, as llama.cpp writes NVFP4: a number that all products are multiplied with, which
// the kernels' layouts have no place for unless it is 1, and one for quantizing inputs, which
// happens in another way here.
void leave_out_matrix_scales(const GgufReader& gguf, std::vector<FoundTensor>& found) {
  std::erase_if(found, [&](const FoundTensor& tensor) {
    if (tensor.name.ends_with(".input_scale")) return true;
    if (!tensor.name.ends_with(".scale")) return false;
    const auto bytes = gguf.tensor_data(tensor.index);
    bool one = tensor.dtype == DType::kF32;
    for (std::size_t at = 0; one && at < bytes.size(); at += sizeof(float)) {
      float scale;
      std::memcpy(&scale, bytes.data() + at, sizeof(scale));
      one = scale == 1.0f;
    }
    if (one) return true;
    fail_unsupported(
        "{}: the tensor {} scales a whole matrix, as files in NVFP4 may have it, which is not "
        "supported; make a file of another type from the source",
        quoted(gguf.path()), quoted(tensor.name));
  });
}

// Where other writers than ours put experts: old ones each matrix in a tensor of its own, with the
// expert's number in the name of a model's without; others gate and up in one.
void place_experts(const GgufReader& gguf, std::vector<TensorSlot>& slots) {
  constexpr std::string_view kWeight = ".weight";
  for (TensorSlot& slot : slots) {
    if (slot.id.expert < 0 || slot.id.bias) continue;
    std::string alone = gguf_tensor_name({slot.id.role, slot.id.layer});
    alone.insert(alone.size() - kWeight.size(), fmt::format(".{}", slot.id.expert));
    // "..._gate_exps.weight" and "..._up_exps.weight" as "..._gate_up_exps.weight".
    std::string joined = gguf_tensor_name({TensorRole::kUp, slot.id.layer, false, slot.id.expert});
    joined.insert(joined.find("up_"), "gate_");
    TensorPlace& place = slot.gguf;
    if (gguf.find_tensor(alone)) {
      place = {.name = std::move(alone), .interleaved = place.interleaved};
    } else if (slot.id.role != TensorRole::kDown && gguf.find_tensor(joined)) {
      const std::int64_t rows = slot.shape[0];
      const bool up = slot.id.role == TensorRole::kUp;
      place.name = joined;
      place.whole[1] = 2 * rows;
      place.first_row = (2 * slot.id.expert + (up ? 1 : 0)) * rows;
    }
  }
}

}  // namespace

bool is_gguf(const ModelPath& path) { return GgufReader::looks_like(path.bytes()); }

std::shared_ptr<const TokenizerFiles> gguf_tokenizer(const ModelPath& path) {
  const auto gguf = GgufReader::open(path.file(), path.archive() ? &path.files() : nullptr);
  auto files = tokenizer_of(*gguf, vocabulary_from_gguf(*gguf));
  if (!files) fail_invalid("{}: the file holds no vocabulary", quoted(path.path()));
  return files;
}

CheckpointParts open_gguf(const ModelPath& path, const OpenOptions&) {
  const auto gguf = GgufReader::open(path.file(), path.archive() ? &path.files() : nullptr);
  if (gguf->get_string(gguf_lora::kType) == gguf_lora::kAdapter) fail_adapter_alone(path.path());
  CheckpointParts parts;
  parts.file = gguf;
  CheckpointFacts& facts = parts.facts;
  facts.path = path.path();
  auto vocabulary = vocabulary_from_gguf(*gguf);
  const GgufVocabulary* known = vocabulary ? &*vocabulary : nullptr;
  facts.has_model = !gguf->tensors().empty();
  copy_metadata(*gguf, facts.metadata);
  if (std::string embedding = embedding_of_gguf(*gguf); !embedding.empty()) {
    facts.metadata[kEmbeddingKey] = std::move(embedding);
  }
  if (facts.has_model) {
    facts.config = config_from_gguf(*gguf);
    if (known != nullptr &&
        known->tokens.size() > static_cast<std::size_t>(facts.config.vocab_size)) {
      fail_invalid("{}: the vocabulary has {} tokens, but the embedding {} rows",
                   quoted(facts.path), known->tokens.size(), facts.config.vocab_size);
    }
    std::vector<FoundTensor> found = list_tensors(*gguf);
    // Part of the configuration.
    std::erase_if(found, [](const FoundTensor& t) {
      return t.name == kGgufRopeFactors || t.name == kGgufShortFactors ||
             t.name == kGgufLongFactors;
    });
    leave_out_matrix_scales(*gguf, found);
    std::vector<TensorSlot> slots = tensor_slots(parts.facts.config);
    place_experts(*gguf, slots);
    match_tensors(parts, slots, found, &TensorSlot::gguf);
    restore_vector_types(*gguf, parts);
  } else {
    facts.config = token_config_from_gguf(*gguf, known);
  }
  facts.tokenizer = tokenizer_of(*gguf, std::move(vocabulary));
  return parts;
}

}  // namespace lathe
