// llama2.c's .bin as a Checkpoint: its stacked tensors cut into layers.
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/open.h"
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
  layer.mlp.width = header.hidden_dim;
  config.layers.assign(static_cast<std::size_t>(header.n_layers), layer);
  config.tie_word_embeddings = header.shared_classifier;
  config.bos_token = header.vocab_size > 1 ? 1 : -1;
  // That program ends a text where the model emits BOS: stories are packed one after another.
  if (header.vocab_size > 1) config.eos_tokens = {1};
  return config;
}

}  // namespace

CheckpointParts open_llama2c(const std::string& path) {
  const auto reader = Llama2cReader::open(path);
  CheckpointParts parts;
  CheckpointFacts& facts = parts.facts;
  facts.format = CheckpointFormat::kLlama2c;
  facts.path = path;
  facts.config = config_of(reader->header());
  validate(facts.config, path);
  parts.file = reader;

  for (const TensorSlot& slot : tensor_slots(facts.config)) {
    const auto tensor = reader->find_tensor(slot.llama2c.name);
    if (!tensor) fail(ErrorCode::kBug, "{}: no place for {}", quoted(path), slot.name());
    std::span<const std::byte> bytes = reader->tensor_data(*tensor);
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

}  // namespace lathe
