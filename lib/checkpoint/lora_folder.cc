// An adapter as PEFT writes it: adapter_config.json and adapter_model.safetensors.
#include <algorithm>
#include <fmt/ranges.h>
#include <string_view>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lora_config.h"
#include "checkpoint/lora_contents.h"
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
  pair.a = read_lora_matrix(file, *found.a);
  pair.b = read_lora_matrix(file, *found.b);
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
}

// Names that a trainer looked for in a list meant for many models, and did not find: no error, but
// perhaps a sign that matrices were lost.
std::vector<std::string> targets_without_matrix(const LoraConfig& config,
                                                const std::map<std::string, FoundPair>& found) {
  std::vector<std::string> out;
  for (const std::string& target : config.targets) {
    const auto is_it = [&](const auto& entry) { return is_target(entry.first, target); };
    if (std::none_of(found.begin(), found.end(), is_it)) out.push_back(quoted(target));
  }
  return out;
}

}  // namespace

LoraContents lora_from_folder(const std::string& folder) {
  const std::string config_path = folder + "/adapter_config.json";
  const LoraConfig config = parse_lora_config(read_small_file(config_path), config_path);
  const auto weights = open_weights(folder);
  const auto found = find_pairs(*weights);
  check_targets(config, found, weights->path());
  LoraContents out;
  for (const auto& [module, pair] : found) {
    out.pairs.emplace(module + ".weight", read_pair(*weights, module, pair, config));
  }
  const std::vector<std::string> unused = targets_without_matrix(config, found);
  if (!unused.empty()) {
    out.warnings.push_back(fmt::format(
        "{}: target_modules names {}, and the adapter holds no matrix for {}", quoted(config_path),
        fmt::join(unused, ", "), unused.size() == 1 ? "it" : "them"));
  }
  return out;
}

}  // namespace lathe
