#include "calibrate/imatrix_entries.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/model_tensors.h"

namespace lathe {
namespace {

using R = TensorRole;

// Whether the name is of what all experts of a layer have in one tensor.
bool joins_experts(const std::string& name, TensorId id) {
  if (id.role != R::kGate && id.role != R::kUp && id.role != R::kDown) return false;
  id.expert = 0;
  return gguf_tensor_name(id) == name;
}

class Assembly {
 public:
  Assembly(const std::vector<ImatrixEntry>& entries, const std::string& path) : path_(path) {
    for (const ImatrixEntry& entry : entries) {
      const auto id = tensor_by_gguf_name(entry.name);
      if (id && id->role == R::kRouter && !id->bias) routers_[id->layer] = entry.sums.size();
    }
  }

  void add(const ImatrixEntry& entry) {
    const std::string name = matrix_in_gguf_tensor(entry.name);
    auto id = tensor_by_gguf_name(name);
    if (id && (id->bias || !is_matrix(id->role))) id.reset();
    if (!id || !joins_experts(name, *id)) {
      if (entry.counts.size() != 1 && id) {
        fail_invalid("{}: {} has {} counts for one matrix", quoted(path_), quoted(entry.name),
                     entry.counts.size());
      }
      put(id, entry, entry.sums, entry.counts.front(), false);
      return;
    }
    const std::size_t experts = experts_of(entry, *id);
    const std::size_t inputs = entry.sums.size() / experts;
    const bool one_count = entry.counts.size() == 1;
    for (std::size_t e = 0; e < experts; ++e) {
      id->expert = static_cast<std::int64_t>(e);
      const auto sums = std::span(entry.sums).subspan(e * inputs, inputs);
      put(id, entry, sums, entry.counts[one_count ? 0 : e], one_count);
    }
  }

  ImportanceMatrix finish() {
    if (matrix_.columns.empty()) {
      fail_invalid("{}: is an importance matrix of no matrix that is known here", quoted(path_));
    }
    share({R::kQuery, R::kKey, R::kValue});
    share({R::kUp, R::kGate});
    share({R::kSharedUp, R::kSharedGate});
    // A model that ties its output matrix to the embedding has one name for both.
    share({R::kHead, R::kEmbedding});
    return std::move(matrix_);
  }

 private:
  std::size_t experts_of(const ImatrixEntry& entry, const TensorId& id) {
    std::size_t experts = entry.counts.size();
    if (experts == 1) {
      const auto router = routers_.find(id.layer);
      const bool down = id.role == R::kDown;  // whose inputs nothing else has
      experts = down ? by_layer_[id.layer]
                : router != routers_.end() && router->second > 0
                    ? entry.sums.size() / router->second
                    : 0;
    }
    if (experts == 0 || experts > 65536 || entry.sums.size() % experts != 0) {
      fail_invalid("{}: {} does not say how many experts its {} values are of", quoted(path_),
                   quoted(entry.name), entry.sums.size());
    }
    return by_layer_[id.layer] = experts;
  }

  // Nobody's, where `id` is empty: only looked at.
  void put(const std::optional<TensorId>& id, const ImatrixEntry& entry,
           std::span<const float> sums, double count, bool ones_are_nothing) {
    if (count == 0.0) return;
    std::vector<float> means(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
      means[i] = static_cast<float>(static_cast<double>(sums[i]) / count);
      if (!(means[i] >= 0.0F) || !std::isfinite(means[i])) {
        fail_invalid("{}: {} holds a value that is negative or not finite", quoted(path_),
                     quoted(entry.name));
      }
    }
    if (!id) return;
    const auto is_one = [](float mean) { return mean == 1.0F; };
    if (ones_are_nothing && std::ranges::all_of(means, is_one)) return;
    matrix_.columns[tensor_name(*id)] = std::move(means);
    ids_.push_back(*id);
  }

  // What one of these roles has goes to those that have nothing.
  void share(const std::vector<TensorRole>& roles) {
    for (const TensorId& id : ids_) {
      if (std::ranges::find(roles, id.role) == roles.end()) continue;
      for (const TensorRole role : roles) {
        TensorId other = id;
        other.role = role;
        matrix_.columns.emplace(tensor_name(other), matrix_.columns.at(tensor_name(id)));
      }
    }
  }

  const std::string& path_;
  ImportanceMatrix matrix_;
  std::vector<TensorId> ids_;                     // that have values
  std::map<std::int64_t, std::size_t> routers_;   // by layer: inputs
  std::map<std::int64_t, std::size_t> by_layer_;  // experts
};

}  // namespace

ImportanceMatrix assemble_imatrix(std::vector<ImatrixEntry> entries, const std::string& path) {
  // Those that read a layer's hidden state first: they say how many experts there are.
  std::ranges::stable_partition(entries, [](const ImatrixEntry& entry) {
    return entry.name.find(".ffn_down_exps.") == entry.name.npos;
  });
  Assembly assembly(entries, path);
  for (const ImatrixEntry& entry : entries) assembly.add(entry);
  return assembly.finish();
}

}  // namespace lathe
