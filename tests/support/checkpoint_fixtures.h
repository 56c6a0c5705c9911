// Small random models, written to a temporary folder as Hugging Face would.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "lathe/checkpoint_parts.h"
#include "lathe/error.h"
#include "lathe/host/output_file.h"

#include "checkpoint/config_json.h"
#include "checkpoint/model_tensors.h"
#include "container/safetensors_writer.h"
#include "support/layers.h"
#include "support/refusal.h"
#include "support/temp_folder.h"
#include "tensor/dequantize.h"

namespace lathe::test {

inline std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Shapes are odd on purpose: no two sizes are the same, nothing is a multiple of 64.
inline ModelConfig small_config(const std::string& family) {
  ModelConfig c;
  c.family = family;
  c.vocab_size = 48;
  c.hidden_size = 24;
  c.max_position = 96;
  c.rms_norm_eps = 1e-5;
  c.bos_token = 1;
  c.eos_tokens = {2};
  LayerConfig layer;
  layer.attention.heads = 4;
  layer.attention.kv_heads = 2;
  layer.attention.head_dim = layer.attention.rotary_dims = family == "qwen3" ? 8 : 6;
  layer.attention.qkv_bias = family == "qwen2";
  if (family == "qwen3") layer.attention.qk_norm = QkNorm::kPerHead;
  layer.mlp.width = 44;
  c.layers.assign(2, layer);
  return c;
}

using Weights = std::map<std::string, std::vector<std::byte>>;

inline std::vector<std::byte> random_tensor(const TensorSlot& slot, DType dtype,
                                            std::mt19937& random) {
  std::size_t count = 1;
  for (const std::int64_t d : slot.shape) count *= static_cast<std::size_t>(d);
  std::vector<float> values(count);
  for (float& v : values) {
    v = static_cast<float>(static_cast<std::int32_t>(random())) * 0x1p-31f;
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(*dtype_bytes(dtype, count)));
  encode_from_f32(dtype, values, bytes);
  return bytes;
}

// A Hugging Face folder with random weights; returns them.
inline Weights write_folder(const std::string& folder, const ModelConfig& config, DType dtype,
                            unsigned seed = 1) {
  std::filesystem::create_directories(folder);
  write_text(folder + "/config.json", config_to_json(config, dtype, ConfigUse::kHuggingFace));
  std::mt19937 random(seed);
  Weights weights;
  std::vector<TensorSpec> specs;
  for (const TensorSlot& slot : tensor_slots(config)) {
    weights[slot.name()] = random_tensor(slot, dtype, random);
    specs.push_back({slot.name(), dtype, slot.shape});
  }
  OutputFile file(folder + "/model.safetensors", true);
  SafetensorsWriter writer(file, specs, {{"format", "pt"}});
  for (const TensorSpec& spec : specs) writer.append(weights[spec.name]);
  writer.finish();
  file.commit();
  return weights;
}

inline Weights read_weights(const Checkpoint& checkpoint) {
  Weights weights;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    auto& bytes = weights[info.name];
    bytes.resize(static_cast<std::size_t>(info.bytes));
    checkpoint.read_rows(i, 0, info.rows(), bytes);
  }
  return weights;
}

}  // namespace lathe::test
