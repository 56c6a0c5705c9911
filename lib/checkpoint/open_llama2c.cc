// llama2.c's .bin as a Checkpoint: its stacked tensors cut into layers. And its listing.
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/formats.h"
#include "container/llama2c_reader.h"

namespace lathe {
namespace {

ModelConfig config_of(const Llama2cHeader& header) {
  ModelConfig config;
  config.family = "llama";
  config.vocab_size = header.vocab_size;
  config.hidden_size = header.dim;
  config.max_position = header.seq_len;
  // Fixed in the program that runs these files.
  config.rms_norm_eps = 1e-5;
  LayerConfig layer;
  layer.attention.heads = header.n_heads;
  layer.attention.kv_heads = header.n_kv_heads;
  layer.attention.head_dim = header.dim / header.n_heads;
  layer.attention.rope.theta = 10000.0;
  layer.attention.rotary_dims = layer.attention.head_dim;
  layer.mlp.width = header.hidden_dim;
  config.layers.assign(static_cast<std::size_t>(header.n_layers), layer);
  config.tie_word_embeddings = header.shared_classifier;
  config.bos_token = header.vocab_size > 1 ? 1 : -1;
  // That program ends a text where the model emits BOS: stories are packed one after another.
  if (header.vocab_size > 1) config.eos_tokens = {1};
  return config;
}

}  // namespace

bool is_llama2c(const ModelPath& path) { return Llama2cReader::looks_like(path.bytes()); }

CheckpointParts open_llama2c(const ModelPath& path, const OpenOptions&) {
  const auto reader = Llama2cReader::open(path.file());
  CheckpointParts parts;
  CheckpointFacts& facts = parts.facts;
  facts.path = path.path();
  facts.config = config_of(reader->header());
  validate(facts.config, facts.path);
  parts.file = reader;

  for (const TensorSlot& slot : tensor_slots(facts.config)) {
    const auto tensor = reader->find_tensor(slot.llama2c.name);
    if (!tensor) fail(ErrorCode::kBug, "{}: no place for {}", quoted(facts.path), slot.name());
    std::span<const std::byte> bytes = reader->tensor_place(*tensor);
    if (slot.id.layer >= 0) {
      const std::size_t size = bytes.size() / facts.config.layers.size();
      bytes = bytes.subspan(static_cast<std::size_t>(slot.id.layer) * size, size);
    }
    facts.tensors.push_back({.name = slot.name(),
                             .dtype = DType::kF32,
                             .shape = slot.shape,
                             .bytes = bytes.size(),
                             .id = slot.id});
    parts.stored.push_back({.bytes = bytes,
                            .stored = DType::kF32,
                            .interleaved = slot.llama2c.interleaved,
                            .index = *tensor});
  }
  return parts;
}

void list_llama2c(const ModelPath& path, FileListing& out) {
  const auto file = Llama2cReader::open(path.file());
  const Llama2cHeader& h = file->header();
  out.format = "llama2.c";
  const auto add = [&](const char* key, std::int64_t value) {
    out.metadata.push_back({key, "", value});
  };
  add("dim", h.dim);
  add("hidden_dim", h.hidden_dim);
  add("n_layers", h.n_layers);
  add("n_heads", h.n_heads);
  add("n_kv_heads", h.n_kv_heads);
  add("vocab_size", h.vocab_size);
  add("seq_len", h.seq_len);
  out.metadata.push_back({"shared_classifier", "", h.shared_classifier});
  list_entries(*file, out);
}

}  // namespace lathe
