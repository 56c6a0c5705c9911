// Adapters in PEFT's layout and in llama.cpp's.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "lathe/lora.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/family.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/row_order.h"
#include "container/gguf_writer.h"
#include "container/safetensors_writer.h"
#include "convert/plan.h"
#include "io/output_folder.h"
#include "io/refuse_as_output.h"

namespace lathe {
namespace {

struct Matrix {
  TensorSpec spec;
  std::vector<float> values;
};

struct NamedPair {
  const TensorSlot* slot;
  const LoraPair* pair;
};

std::vector<Matrix> matrices_of(const NamedPair& named, const std::string& a_name,
                                const std::string& b_name) {
  const LoraPair& p = *named.pair;
  return {{{a_name, DType::kF32, {p.rank, p.in}}, p.a},
          {{b_name, DType::kF32, {p.out, p.rank}}, p.b}};
}

// The number that divided by the rank gives the scale again; one that a float holds, if any does.
double alpha_of(const LoraPair& pair) {
  const auto rank = static_cast<double>(pair.rank);
  const double near = pair.scale * rank;
  for (const double alpha : {static_cast<double>(static_cast<float>(near)), near,
                             std::nextafter(near, HUGE_VAL), std::nextafter(near, -HUGE_VAL)}) {
    if (alpha / rank == pair.scale) return alpha;
  }
  return near;
}

template <typename Value, typename Of>
Value most_common(const std::vector<NamedPair>& pairs, Of of) {
  std::map<Value, std::size_t> counts;
  for (const NamedPair& named : pairs) ++counts[of(*named.pair)];
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& x, const auto& y) { return x.second < y.second; })
      ->first;
}

// The pairs in the order of the model's tensors.
std::vector<NamedPair> in_order(const std::vector<TensorSlot>& slots, const LoraAdapter& adapter) {
  std::vector<NamedPair> out;
  for (const TensorSlot& slot : slots) {
    const auto pair = adapter.pairs().find(slot.name());
    if (pair != adapter.pairs().end()) out.push_back({&slot, &pair->second});
  }
  return out;
}

void require_apart(const TensorPlace& place, const TensorSlot& slot, const std::string& adapter) {
  if (!place.fused()) return;
  fail_unsupported("{}: adapts {}, which files of this format hold as part of {}", quoted(adapter),
                   quoted(slot.name()), quoted(place.name));
}

// In pairs, as files of some families have rows of q and k.
std::vector<float> paired_rows(const NamedPair& named, const ModelConfig& config) {
  const LoraPair& pair = *named.pair;
  const AttentionConfig& attention = config.layer(named.slot->id.layer).attention;
  const HeadRows rows = {attention.head_dim, attention.rotary_dims};
  std::vector<float> out(pair.b.size());
  for (std::int64_t row = 0; row < pair.out; ++row) {
    std::copy_n(pair.b.begin() + row * pair.rank, pair.rank,
                out.begin() + interleaved_of_half(row, rows) * pair.rank);
  }
  return out;
}

// ---- GGUF

std::vector<Matrix> gguf_matrices(const NamedPair& named, const ModelConfig& config, double alpha) {
  const LoraPair& pair = *named.pair;
  const std::string& name = named.slot->gguf.name;
  auto out =
      matrices_of(named, name + std::string(gguf_lora::kA), name + std::string(gguf_lora::kB));
  Matrix &a = out[0], &b = out[1];
  if (named.slot->gguf.interleaved) b.values = paired_rows(named, config);
  if (pair.embedding) {  // A stands on its side
    a.spec.shape = {pair.in, pair.rank};
    for (std::int64_t k = 0; k < pair.rank; ++k) {
      for (std::int64_t i = 0; i < pair.in; ++i) {
        a.values[static_cast<std::size_t>(i * pair.rank + k)] =
            pair.a[static_cast<std::size_t>(k * pair.in + i)];
      }
    }
  }
  const double scale = alpha / static_cast<double>(pair.rank);
  if (scale != pair.scale) {
    for (float& x : b.values) x = static_cast<float>(pair.scale / scale * static_cast<double>(x));
  }
  return out;
}

void write_gguf_adapter(const std::vector<NamedPair>& pairs, const Checkpoint& base,
                        const LoraAdapter& adapter, const std::string& path, bool overwrite) {
  const double most = most_common<double>(pairs, alpha_of);
  // Of an alpha that a float can't hold, and of none, each B takes its scale.
  const float alpha = static_cast<float>(most) != 0.0F ? static_cast<float>(most) : 1.0F;
  std::vector<Matrix> matrices;
  for (const NamedPair& named : pairs) {
    require_apart(named.slot->gguf, *named.slot, adapter.path());
    for (Matrix& m : gguf_matrices(named, base.config(), static_cast<double>(alpha))) {
      matrices.push_back(std::move(m));
    }
  }
  GgufMetadata keys;
  keys.set_string("general.architecture", family_by_type(base.config().family)->gguf);
  keys.set_string(gguf_lora::kType, gguf_lora::kAdapter);
  keys.set_string(gguf_lora::kAdapterType, gguf_lora::kLora);
  keys.set_f32(gguf_lora::kAlpha, alpha);
  std::vector<TensorSpec> specs;
  for (const Matrix& m : matrices) specs.push_back(m.spec);
  OutputFile file(path, overwrite);
  GgufWriter writer(file, keys, specs);
  for (const Matrix& m : matrices) writer.append(std::as_bytes(std::span(m.values)));
  writer.finish();
  file.commit();
}

// ---- PEFT

std::string module_of(const TensorSlot& slot) {
  const std::string& name = slot.hugging_face.name;
  constexpr std::string_view kWeight = ".weight";
  return name.substr(0, name.size() - (name.ends_with(kWeight) ? kWeight.size() : 0));
}

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '.') out += '\\';
    out += c;
  }
  return out;
}

std::string last_part(const std::string& module) { return module.substr(module.rfind('.') + 1); }

// "q_proj" where every layer's is adapted, else each by its whole name.
std::set<std::string> targets_of(const std::vector<NamedPair>& pairs,
                                 const std::vector<TensorSlot>& slots) {
  std::map<std::string, std::size_t> there, adapted;
  for (const TensorSlot& slot : slots) ++there[last_part(module_of(slot))];
  for (const NamedPair& named : pairs) ++adapted[last_part(module_of(*named.slot))];
  std::set<std::string> targets;
  for (const NamedPair& named : pairs) {
    const std::string module = module_of(*named.slot), last = last_part(module);
    targets.insert(adapted[last] == there[last] ? last : module);
  }
  return targets;
}

std::string peft_config(const std::vector<NamedPair>& pairs, const std::vector<TensorSlot>& slots) {
  const auto rank_of = [](const LoraPair& pair) { return pair.rank; };
  const auto rank = most_common<std::int64_t>(pairs, rank_of);
  const double alpha = most_common<double>(pairs, alpha_of);
  nlohmann::ordered_json config = {{"peft_type", "LORA"},
                                   {"task_type", "CAUSAL_LM"},
                                   {"r", rank},
                                   {"lora_alpha", alpha},
                                   {"lora_dropout", 0.0},
                                   {"bias", "none"},
                                   {"inference_mode", true},
                                   {"use_rslora", false},
                                   {"fan_in_fan_out", false},
                                   {"base_model_name_or_path", nullptr}};
  if (alpha == std::floor(alpha) && std::abs(alpha) < 1e15) {
    config["lora_alpha"] = static_cast<std::int64_t>(alpha);
  }
  nlohmann::ordered_json ranks = nlohmann::ordered_json::object(), alphas = ranks;
  for (const NamedPair& named : pairs) {
    const std::string module = module_of(*named.slot);
    if (named.pair->rank != rank) ranks[escaped(module)] = named.pair->rank;
    if (alpha_of(*named.pair) != alpha) alphas[escaped(module)] = alpha_of(*named.pair);
  }
  config["target_modules"] = targets_of(pairs, slots);
  config["rank_pattern"] = std::move(ranks);
  config["alpha_pattern"] = std::move(alphas);
  return config.dump(2) + "\n";
}

void write_folder(const std::vector<NamedPair>& pairs, const std::vector<TensorSlot>& slots,
                  const ModelConfig& config, const LoraAdapter& adapter, const std::string& path,
                  bool overwrite) {
  std::vector<Matrix> matrices;
  for (const NamedPair& named : pairs) {
    require_apart(named.slot->hugging_face, *named.slot, adapter.path());
    const std::string module = "base_model.model." + module_of(*named.slot);
    auto both = named.pair->embedding
                    ? matrices_of(named, module + ".lora_embedding_A", module + ".lora_embedding_B")
                    : matrices_of(named, module + ".lora_A.weight", module + ".lora_B.weight");
    if (named.slot->hugging_face.interleaved) both[1].values = paired_rows(named, config);
    for (Matrix& m : both) matrices.push_back(std::move(m));
  }
  std::vector<TensorSpec> specs;
  for (const Matrix& m : matrices) specs.push_back(m.spec);
  OutputFolder folder(path, overwrite, "adapter_config.json");
  OutputFile settings(folder.file("adapter_config.json"), false);
  settings.write(peft_config(pairs, slots));
  settings.commit();
  OutputFile weights(folder.file("adapter_model.safetensors"), false);
  SafetensorsWriter writer(weights, specs, {{"format", "pt"}});
  for (const Matrix& m : matrices) writer.append(std::as_bytes(std::span(m.values)));
  writer.finish();
  weights.commit();
  folder.commit();
}

}  // namespace

void write_lora(const std::shared_ptr<const LoraAdapter>& adapter, const Checkpoint& base,
                const std::string& output, LoraFormat format, bool overwrite) {
  refuse_own_input(base, output);
  refuse_as_output({&adapter->path(), 1}, output);
  const auto fitting = LoraAdapter::fit(adapter, base);
  const std::vector<TensorSlot> slots = tensor_slots(base.config());
  const std::vector<NamedPair> pairs = in_order(slots, *fitting);
  if (format == LoraFormat::kGguf) {
    write_gguf_adapter(pairs, base, *fitting, output, overwrite);
  } else {
    write_folder(pairs, slots, base.config(), *fitting, output, overwrite);
  }
}

}  // namespace lathe
