// Reading an adapter's folder, and whether it fits a model.
#include "lathe/lora.h"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/lora_config.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/small_file.h"
#include "container/safetensors_reader.h"
#include "io/folder_file.h"

namespace lathe {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";

enum class Half { kA, kB };

// "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", taken apart.
struct PairName {
  std::string module;  // model.layers.0.mlp.up_proj
  Half half = Half::kA;
  bool embedding = false;
};

std::optional<PairName> parse_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  struct End {
    std::string_view text;
    Half half;
    bool embedding;
  };
  // Saved from within a PeftModel, the adapter's own name stands in between.
  constexpr End kEnds[] = {
      {".lora_A.weight", Half::kA, false},           {".lora_B.weight", Half::kB, false},
      {".lora_A.default.weight", Half::kA, false},   {".lora_B.default.weight", Half::kB, false},
      {".lora_embedding_A", Half::kA, true},         {".lora_embedding_B", Half::kB, true},
      {".lora_embedding_A.default", Half::kA, true}, {".lora_embedding_B.default", Half::kB, true}};
  for (const End& end : kEnds) {
    if (name.size() > end.text.size() && name.ends_with(end.text)) {
      name.remove_suffix(end.text.size());
      return PairName{std::string(name), end.half, end.embedding};
    }
  }
  return std::nullopt;
}

bool is_target(const std::string& module, const std::string& target) {
  return module == target || module.ends_with("." + target);
}

std::shared_ptr<const SafetensorsReader> open_weights(const std::string& folder) {
  const std::string path = folder + "/adapter_model.safetensors";
  if (is_there(path)) return SafetensorsReader::open(open_weights_of_folder(path));
  if (is_there(folder + "/adapter_model.bin")) {
    fail_unsupported(
        "{}: has only adapter_model.bin, a pickle, which can run code and is not read; save the "
        "adapter with safetensors",
        quoted(folder));
  }
  fail_invalid("{}: the folder has no adapter_model.safetensors", quoted(folder));
}

std::vector<float> read_floats(const SafetensorsReader& file, std::size_t index) {
  const TensorEntry& entry = file.tensors()[index];
  const DType type = entry.dtype;
  if (entry.shape.size() != 2) {
    fail_invalid("{}: tensor {} has shape {}, and is no matrix", quoted(file.path()),
                 quoted(entry.name), shape_text(entry.shape));
  }
  if (type != DType::kF32 && type != DType::kF16 && type != DType::kBF16 && type != DType::kF64) {
    fail_unsupported("{}: tensor {} has type {}; an adapter's are floats", quoted(file.path()),
                     quoted(entry.name), dtype_info(type).name);
  }
  std::vector<float> out(static_cast<std::size_t>(entry.shape[0] * entry.shape[1]));
  to_floats(file.tensor_data(index), type, out, entry.name, file.path());
  return out;
}

struct FoundPair {
  std::optional<std::size_t> a, b;
  bool embedding = false;
};

std::map<std::string, FoundPair> find_pairs(const SafetensorsReader& file) {
  std::map<std::string, FoundPair> found;
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    const std::string& name = file.tensors()[i].name;
    const auto parsed = parse_name(name);
    if (!parsed) {
      fail_unsupported("{}: tensor {} is no matrix A or B of a LoRA, and has no place here",
                       quoted(file.path()), quoted(name));
    }
    FoundPair& pair = found[parsed->module];
    auto& half = parsed->half == Half::kA ? pair.a : pair.b;
    if (half || ((pair.a || pair.b) && pair.embedding != parsed->embedding)) {
      fail_invalid("{}: tensor {} is there twice, under two names", quoted(file.path()),
                   quoted(name));
    }
    half = i;
    pair.embedding = parsed->embedding;
  }
  if (found.empty()) fail_invalid("{}: the adapter holds no matrices", quoted(file.path()));
  return found;
}

LoraPair read_pair(const SafetensorsReader& file, const std::string& module, const FoundPair& found,
                   const LoraConfig& config) {
  if (!found.a || !found.b) {
    const std::string& name = file.tensors()[found.a ? *found.a : *found.b].name;
    fail_invalid("{}: tensor {} has no partner: {} needs both A and B", quoted(file.path()),
                 quoted(name), quoted(module));
  }
  LoraPair pair;
  pair.embedding = found.embedding;
  pair.a = read_floats(file, *found.a);
  pair.b = read_floats(file, *found.b);
  const auto& a = file.tensors()[*found.a].shape;
  const auto& b = file.tensors()[*found.b].shape;
  pair.rank = config.rank_of(module);
  pair.in = a[1];
  pair.out = b[0];
  pair.scale = config.scale_of(module);
  if (a[0] != pair.rank || b[1] != pair.rank) {
    fail_invalid("{}: of {}, A has shape {} and B has shape {}, but the configuration's rank is {}",
                 quoted(file.path()), quoted(module), shape_text(a), shape_text(b), pair.rank);
  }
  return pair;
}

void check_targets(const LoraConfig& config, const std::map<std::string, FoundPair>& found,
                   const std::string& file) {
  for (const auto& [module, pair] : found) {
    const auto is_it = [&module = module](const std::string& t) { return is_target(module, t); };
    if (!config.targets.empty() &&
        std::none_of(config.targets.begin(), config.targets.end(), is_it)) {
      fail_invalid("{}: {} is none of the configuration's target_modules", quoted(file),
                   quoted(module));
    }
  }
  for (const std::string& target : config.targets) {
    const auto is_it = [&](const auto& entry) { return is_target(entry.first, target); };
    if (std::none_of(found.begin(), found.end(), is_it)) {
      fail_invalid("{}: the configuration's target_modules name {}, and no matrix is for it",
                   quoted(file), quoted(target));
    }
  }
}

}  // namespace

std::shared_ptr<const LoraAdapter> LoraAdapter::open(const std::string& folder) {
  std::error_code ignored;
  if (!is_there(folder)) {
    fail(ErrorCode::kIo, "{}: there is no such adapter", quoted(folder));
  }
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail_invalid(
        "{}: an adapter is a folder with adapter_config.json and adapter_model.safetensors",
        quoted(folder));
  }
  const std::string config_path = folder + "/adapter_config.json";
  const LoraConfig config = parse_lora_config(read_small_file(config_path), config_path);
  const auto weights = open_weights(folder);
  const auto found = find_pairs(*weights);
  check_targets(config, found, weights->path());
  std::shared_ptr<LoraAdapter> adapter(new LoraAdapter);
  adapter->path_ = folder;
  for (const auto& [module, pair] : found) {
    adapter->pairs_.emplace(module + ".weight", read_pair(*weights, module, pair, config));
  }
  return adapter;
}

std::string LoraAdapter::fingerprint() const {
  Checksum sum;
  for (const auto& [name, pair] : pairs_) {
    sum.add(fmt::format("{} {} {} {} {}\n", name, pair.rank, pair.in, pair.out, pair.scale));
    sum.add(std::as_bytes(std::span(pair.a)));
    sum.add(std::as_bytes(std::span(pair.b)));
  }
  return sum.text();
}

void LoraAdapter::check_fits(const Checkpoint& checkpoint) const {
  const std::string& model = checkpoint.path();
  if (!checkpoint.has_model()) {
    fail_unsupported("{}: the file holds a vocabulary and no model", quoted(model));
  }
  const ModelConfig& config = checkpoint.config();
  for (const auto& [name, pair] : pairs_) {
    const TensorId id = tensor_by_name(name).value_or(TensorId{});
    const bool shared = id.role == TensorRole::kHead || id.role == TensorRole::kEmbedding;
    if (shared && config.tie_word_embeddings) {
      fail_unsupported(
          "{}: adapts {}, but in {} embedding and output are one matrix, which can't be adapted "
          "for one of them alone",
          quoted(path_), quoted(name), quoted(model));
    }
    const auto index = checkpoint.find(name);
    const bool matrix = index && checkpoint.tensors()[*index].shape.size() == 2;
    if (!matrix) {
      fail_invalid("{}: adapts {}, which is no matrix of {}", quoted(path_), quoted(name),
                   quoted(model));
    }
    std::vector<std::int64_t> shape = {pair.out, pair.in};
    if (pair.embedding) std::swap(shape[0], shape[1]);
    const auto& wanted = checkpoint.tensors()[*index].shape;
    if (shape != wanted || pair.embedding != (id.role == TensorRole::kEmbedding)) {
      fail_invalid("{}: is for a matrix {} of shape {}, but in {} it has shape {}", quoted(path_),
                   quoted(name), shape_text(shape), quoted(model), shape_text(wanted));
    }
  }
}

}  // namespace lathe
