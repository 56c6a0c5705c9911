// A checkpoint with some of another's experts, renumbered, or with some of a third's in their
// place: each tensor is one of another checkpoint's, or rows of such.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "lathe/checkpoint_parts.h"
#include "lathe/experts.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/lathe_file.h"
#include "checkpoint/model_tensors.h"
#include "io/same_file.h"

namespace lathe {
namespace {

// An expert of one of the sources.
struct Origin {
  std::size_t source = 0;
  std::int64_t expert = 0;
};

// Of each layer its experts, in their new order.
using Origins = std::vector<std::vector<Origin>>;

using Sources = std::vector<std::shared_ptr<const Checkpoint>>;

// What has a row, or as a vector an element, for each expert.
bool is_by_expert(const TensorId& id) {
  return id.role == TensorRole::kRouter || id.role == TensorRole::kSelectionBias;
}

// Where a tensor comes from: from one, or piece by piece.
struct Part {
  std::size_t source = 0;
  std::size_t tensor = 0;
  std::int64_t row = -1;  // of that; -1: all
};

class EditedSource final : public TensorSource {
 public:
  EditedSource(std::shared_ptr<const CheckpointFacts> facts, Sources sources,
               std::vector<std::vector<Part>> parts)
      : facts_(std::move(facts)), sources_(std::move(sources)), parts_(std::move(parts)) {}

  std::span<const std::byte> bytes_in_place(std::size_t tensor) const noexcept override {
    const Part& part = parts_[tensor].front();
    if (part.row >= 0) return {};
    return sources_[part.source]->bytes_in_place(part.tensor);
  }

  void drop(std::size_t tensor) const noexcept override {
    for (const Part& part : parts_[tensor]) sources_[part.source]->drop(part.tensor);
  }

  void read_rows(std::size_t tensor, std::int64_t first, std::int64_t count,
                 std::span<std::byte> out) const override {
    const std::vector<Part>& parts = parts_[tensor];
    if (parts.front().row < 0) {
      const Part& part = parts.front();
      return sources_[part.source]->read_rows(part.tensor, first, count, out);
    }
    const TensorInfo& info = facts_->tensors[tensor];
    const std::size_t pieces =
        info.shape.size() < 2 ? parts.size() : static_cast<std::size_t>(count);
    const std::size_t begin = info.shape.size() < 2 ? 0 : static_cast<std::size_t>(first);
    const std::size_t size = out.size() / pieces;
    for (std::size_t i = 0; i < pieces; ++i) {
      read_piece(info, parts[begin + i], out.subspan(i * size, size));
    }
  }

 private:
  // A row of a matrix, or an element of a vector.
  void read_piece(const TensorInfo& info, const Part& part, std::span<std::byte> out) const {
    const Checkpoint& from = *sources_[part.source];
    const TensorInfo& theirs = from.tensors()[part.tensor];
    const bool vector = info.shape.size() < 2;
    const std::int64_t row = vector ? 0 : part.row;
    if (theirs.dtype != info.dtype) {  // then ours is F32
      std::vector<float> floats(static_cast<std::size_t>(theirs.cols()));
      from.read_rows_f32(part.tensor, row, 1, floats);
      const float* at = floats.data() + (vector ? part.row : 0);
      std::memcpy(out.data(), at, out.size());
    } else if (vector) {
      std::vector<std::byte> all(theirs.bytes);
      from.read_rows(part.tensor, 0, 1, all);
      const auto at = static_cast<std::size_t>(part.row) * out.size();
      std::memcpy(out.data(), all.data() + at, out.size());
    } else {
      from.read_rows(part.tensor, row, 1, out);
    }
  }

  std::shared_ptr<const CheckpointFacts> facts_;
  Sources sources_;
  std::vector<std::vector<Part>> parts_;  // by tensor
};

// Makes the facts of the result and where each tensor comes from.
class Edit {
 public:
  Edit(Sources sources, const Origins& origins) : sources_(std::move(sources)), origins_(origins) {
    for (const auto& source : sources_) {
      by_id_.emplace_back();
      for (std::size_t t = 0; t < source->tensors().size(); ++t) {
        by_id_.back().emplace(source->tensors()[t].id, t);
      }
    }
  }

  std::shared_ptr<const Checkpoint> make(std::string_view what, const std::string& how) {
    CheckpointFacts facts = *sources_[0]->facts();
    const std::vector<TensorInfo> before = std::exchange(facts.tensors, {});
    for (std::size_t layer = 0; layer < origins_.size(); ++layer) {
      facts.config.layers[layer].experts.count = static_cast<std::int64_t>(origins_[layer].size());
    }
    validate(facts.config, facts.path);
    for (const TensorSlot& slot : tensor_slots(facts.config)) add(slot, facts.tensors);
    std::string& history = facts.metadata[std::string(what)];
    history += (history.empty() ? "" : "; then ") + how;
    facts.metadata.erase(lathe_file::kKeyHeaderSum);  // the base file's, by which it is known
    const auto shared = std::make_shared<const CheckpointFacts>(std::move(facts));
    return std::make_shared<const Checkpoint>(
        shared, std::make_shared<EditedSource>(shared, std::move(sources_), std::move(parts_)));
  }

 private:
  void add(const TensorSlot& slot, std::vector<TensorInfo>& tensors) {
    TensorId id = slot.id;
    std::vector<Part> parts;
    if (is_by_expert(id)) {
      for (const Origin& origin : origins_[static_cast<std::size_t>(id.layer)]) {
        parts.push_back({origin.source, find(origin.source, id), origin.expert});
      }
    } else {
      Origin origin;
      if (id.expert >= 0) {
        origin = origins_[static_cast<std::size_t>(id.layer)][static_cast<std::size_t>(id.expert)];
        id.expert = origin.expert;
      }
      parts.push_back({origin.source, find(origin.source, id), -1});
    }
    const Part& first = parts.front();
    TensorInfo info = sources_[first.source]->tensors()[first.tensor];
    info.name = slot.name();
    info.id = slot.id;
    if (first.row >= 0) gather(slot, parts, info);
    tensors.push_back(std::move(info));
    parts_.push_back(std::move(parts));
  }

  // Rows keep their type where all have one that comes in rows.
  void gather(const TensorSlot& slot, const std::vector<Part>& parts, TensorInfo& info) const {
    info.shape = slot.shape;
    const bool same = std::ranges::all_of(parts, [&](const Part& part) {
      return sources_[part.source]->tensors()[part.tensor].dtype == info.dtype;
    });
    if (!same || info.dtype == DType::kPacked) info.dtype = DType::kF32;
    info.bytes = dtype_bytes(info.dtype, static_cast<std::uint64_t>(info.rows()) *
                                             static_cast<std::uint64_t>(info.cols()))
                     .value();
  }

  std::size_t find(std::size_t source, const TensorId& id) const {
    const auto at = by_id_[source].find(id);
    if (at != by_id_[source].end()) return at->second;
    fail(ErrorCode::kBug, "{}: was opened without {}", quoted(sources_[source]->path()),
         tensor_name(id));
  }

  Sources sources_;
  const Origins& origins_;
  std::vector<std::map<TensorId, std::size_t>> by_id_;
  std::vector<std::vector<Part>> parts_;
};

void check_has_experts(const Checkpoint& checkpoint) {
  const auto mixes = [](const LayerConfig& layer) { return layer.experts.count > 0; };
  if (std::ranges::any_of(checkpoint.config().layers, mixes)) return;
  fail(ErrorCode::kUsage, "{}: is no mixture of experts", quoted(checkpoint.path()));
}

// What experts are made of is the same.
void check_same_experts(const Checkpoint& base, const Checkpoint& from) {
  const ModelConfig& a = base.config();
  const ModelConfig& b = from.config();
  const auto say = [&](const std::string& what, std::int64_t ours, std::int64_t theirs) {
    if (ours == theirs) return;
    fail_invalid("{}: its experts do not fit {}: {} is {}, and {} there", quoted(from.path()),
                 quoted(base.path()), what, theirs, ours);
  };
  say("the hidden size", a.hidden_size, b.hidden_size);
  say("the number of layers", a.num_layers(), b.num_layers());
  for (std::int64_t i = 0; i < a.num_layers(); ++i) {
    const LayerConfig& ours = a.layer(i);
    const LayerConfig& theirs = b.layer(i);
    const std::string of = fmt::format(" of layer {}", i);
    say("the number of experts" + of, ours.experts.count, theirs.experts.count);
    if (ours.experts.count == 0) continue;
    say("the width" + of, ours.mlp.width, theirs.mlp.width);
    if (ours.mlp == theirs.mlp && ours.experts.router_bias == theirs.experts.router_bias &&
        ours.experts.selection_bias == theirs.experts.selection_bias) {
      continue;
    }
    fail_invalid("{}: its experts do not fit {}: biases or activation{} differ",
                 quoted(from.path()), quoted(base.path()), of);
  }
}

}  // namespace

std::shared_ptr<const Checkpoint> keep_experts(std::shared_ptr<const Checkpoint> base,
                                               const ExpertSets& kept) {
  check_has_experts(*base);
  const ModelConfig& config = base->config();
  if (kept == all_experts(config)) return base;
  Origins origins(kept.size());
  std::optional<std::size_t> first;  // layer with experts
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    const ExpertsConfig& experts = config.layers[layer].experts;
    if (experts.count == 0) continue;
    if (!first) first = layer;
    const std::size_t count = kept[layer].size();
    if (count != kept[*first].size()) {
      fail(ErrorCode::kUsage,
           "{} experts are kept in layer {} and {} in layer {}; model files have one number for "
           "all layers",
           kept[*first].size(), *first, count, layer);
    }
    if (count < static_cast<std::size_t>(experts.used)) {
      fail(ErrorCode::kUsage, "{}: a token goes through {} experts, so {} of a layer are too few",
           quoted(base->path()), experts.used, count);
    }
    for (const std::int64_t expert : kept[layer]) origins[layer].push_back({0, expert});
  }
  const std::string how = fmt::format("{} of {}", expert_sets_text(config, kept),
                                      config.layers[first.value_or(0)].experts.count);
  return Edit({std::move(base)}, origins).make("experts.kept", how);
}

std::shared_ptr<const Checkpoint> replace_experts(std::shared_ptr<const Checkpoint> base,
                                                  std::shared_ptr<const Checkpoint> from,
                                                  const ExpertSets& replaced) {
  check_has_experts(*base);
  check_same_experts(*base, *from);
  if (is_same_file(base->path(), from->path())) return base;
  const ModelConfig& config = base->config();
  Origins origins;
  for (const std::vector<std::int64_t>& all : all_experts(config)) {
    const std::vector<std::int64_t>& theirs = replaced[origins.size()];
    std::vector<Origin>& layer = origins.emplace_back();
    for (const std::int64_t expert : all) {
      const bool other = std::ranges::binary_search(theirs, expert);
      layer.push_back({other ? std::size_t{1} : std::size_t{0}, expert});
    }
  }
  std::filesystem::path name(from->path());
  if (name.filename().empty()) name = name.parent_path();
  const std::string how =
      fmt::format("{} from {}", expert_sets_text(config, replaced), name.filename().string());
  return Edit({std::move(base), std::move(from)}, origins).make("experts.replaced", how);
}

}  // namespace lathe
