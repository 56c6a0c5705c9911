// Adapters whatever their files are: how several make one, and whether they fit a model.
#include "lathe/lora.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/convert_elements.h"
#include "checkpoint/family.h"
#include "checkpoint/lora_contents.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/row_order.h"
#include "io/folder_file.h"

namespace lathe {
namespace {

// Rows of q and k as Checkpoint has them, where the file has them in pairs.
void turn_rows(LoraPair& pair, const HeadRows& rows) {
  const auto rank = static_cast<std::size_t>(pair.rank);
  std::vector<float> turned(pair.b.size());
  for (std::int64_t row = 0; row < pair.out; ++row) {
    const auto from = static_cast<std::size_t>(interleaved_of_half(row, rows)) * rank;
    std::copy_n(pair.b.begin() + static_cast<std::ptrdiff_t>(from), rank,
                turned.begin() + static_cast<std::ptrdiff_t>(row * pair.rank));
  }
  pair.b = std::move(turned);
}

// What a matrix's pair is called before fit().
std::string name_in_file(const TensorPlace& place, bool gguf) {
  const auto id = gguf ? tensor_by_gguf_name(place.name) : std::nullopt;
  return id ? tensor_name(*id) : place.name;
}

// The part of a file's pair that is the slot's.
LoraPair part_for(const TensorSlot& slot, const TensorPlace& place, const LoraPair& whole,
                  const ModelConfig& config, const std::string& adapter) {
  LoraPair part = whole;
  if (place.fused()) {
    if (whole.out != place.whole.front()) {
      fail_invalid("{}: B of {} has {} rows, but the matrix has {}", quoted(adapter),
                   quoted(place.name), whole.out, place.whole.front());
    }
    const auto begin = whole.b.begin() + place.first_row * whole.rank;
    part.out = slot.shape[0];
    part.b.assign(begin, begin + part.out * whole.rank);
  }
  if (place.interleaved && part.out == slot.shape[0]) {
    const AttentionConfig& attention = config.layer(slot.id.layer).attention;
    turn_rows(part, {attention.head_dim, attention.rotary_dims});
  }
  return part;
}

// One pair that computes what several do: A under A, B beside B with the scales in it.
LoraPair joined(std::span<const std::pair<const LoraPair*, double>> parts) {
  LoraPair out;
  out.embedding = parts.front().first->embedding;
  out.in = parts.front().first->in;
  out.out = parts.front().first->out;
  for (const auto& [pair, factor] : parts) {
    out.rank += pair->rank;
    out.a.insert(out.a.end(), pair->a.begin(), pair->a.end());
  }
  out.b.reserve(static_cast<std::size_t>(out.out * out.rank));
  for (std::int64_t row = 0; row < out.out; ++row) {
    for (const auto& [pair, factor] : parts) {
      const double scale = factor * pair->scale;
      for (std::int64_t k = 0; k < pair->rank; ++k) {
        const float b = pair->b[static_cast<std::size_t>(row * pair->rank + k)];
        out.b.push_back(static_cast<float>(scale * static_cast<double>(b)));
      }
    }
  }
  return out;
}

}  // namespace

std::vector<float> read_lora_matrix(const TensorFile& file, std::size_t index) {
  const TensorEntry& entry = file.tensors()[index];
  if (entry.shape.size() != 2) {
    fail_invalid("{}: tensor {} has shape {}, and is no matrix", quoted(file.path()),
                 quoted(entry.name), shape_text(entry.shape));
  }
  if (!is_float(entry.dtype) && dtype_info(entry.dtype).block == 1) {
    fail_unsupported("{}: tensor {} has type {}; an adapter's are floats", quoted(file.path()),
                     quoted(entry.name), dtype_info(entry.dtype).name);
  }
  std::vector<float> out(static_cast<std::size_t>(entry.shape[0] * entry.shape[1]));
  to_floats(file.tensor_data(index), entry.dtype, out, entry.name, file.path());
  if (!std::all_of(out.begin(), out.end(), [](float x) { return std::isfinite(x); })) {
    fail_invalid("{}: tensor {} holds numbers that are infinite or none", quoted(file.path()),
                 quoted(entry.name));
  }
  return out;
}

bool is_lora(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return is_there(path + "/adapter_config.json");
  return is_gguf_adapter(path);
}

void fail_adapter_alone(const std::string& path) {
  fail_invalid(
      "{}: is an adapter, which alone is no model; give the model it is for, and this with "
      "--lora",
      quoted(path));
}

std::shared_ptr<const LoraAdapter> LoraAdapter::open(const std::string& path) {
  std::error_code ignored;
  if (!is_there(path)) fail(ErrorCode::kIo, "{}: there is no such adapter", quoted(path));
  const bool folder = std::filesystem::is_directory(path, ignored);
  if (!folder && !is_gguf_adapter(path)) {
    fail_invalid(
        "{}: an adapter is a folder with adapter_config.json and adapter_model.safetensors, or a "
        "GGUF file of general.type \"adapter\"",
        quoted(path));
  }
  LoraContents contents = folder ? lora_from_folder(path) : lora_from_gguf(path);
  std::shared_ptr<LoraAdapter> adapter(new LoraAdapter);
  adapter->path_ = path;
  const std::filesystem::path name(path);
  adapter->label_ = name.filename().empty() ? name.parent_path().filename() : name.filename();
  adapter->pairs_ = std::move(contents.pairs);
  adapter->warnings_ = std::move(contents.warnings);
  adapter->gguf_architecture_ = std::move(contents.gguf_architecture);
  adapter->form_ = folder ? Form::kHuggingFace : Form::kGguf;
  return adapter;
}

std::shared_ptr<const LoraAdapter> LoraAdapter::fit(std::shared_ptr<const LoraAdapter> adapter,
                                                    const Checkpoint& checkpoint) {
  if (adapter->form_ == Form::kCheckpoint || !checkpoint.has_model()) {
    adapter->check_fits(checkpoint);
    return adapter;
  }
  const bool gguf = adapter->form_ == Form::kGguf;
  struct Use {
    TensorSlot slot;
    std::string name;  // of the pair in the file
  };
  std::vector<Use> uses;
  bool changed = false;
  for (TensorSlot& slot : tensor_slots(checkpoint.config())) {
    const TensorPlace& place = gguf ? slot.gguf : slot.hugging_face;
    std::string name = name_in_file(place, gguf);
    if (!adapter->pairs_.contains(name)) continue;
    changed = changed || place.fused() || place.interleaved || name != slot.name();
    uses.push_back({std::move(slot), std::move(name)});
  }
  if (!changed) {
    adapter->check_fits(checkpoint);
    return adapter;
  }
  std::shared_ptr<LoraAdapter> out(new LoraAdapter(*adapter));
  out->form_ = Form::kCheckpoint;
  std::map<std::string, LoraPair> pairs;
  for (const auto& [slot, name] : uses) {
    const TensorPlace& place = gguf ? slot.gguf : slot.hugging_face;
    pairs.emplace(slot.name(), part_for(slot, place, adapter->pairs_.at(name), checkpoint.config(),
                                        adapter->path_));
    out->pairs_.erase(name);
  }
  pairs.merge(out->pairs_);  // what has no place: it is told of below
  out->pairs_ = std::move(pairs);
  out->check_fits(checkpoint);
  return out;
}

std::shared_ptr<const LoraAdapter> LoraAdapter::sum(std::span<const LoraTerm> terms,
                                                    const Checkpoint& checkpoint) {
  if (terms.empty()) fail(ErrorCode::kBug, "a sum of no adapters");
  std::vector<LoraTerm> fitting(terms.begin(), terms.end());
  for (LoraTerm& term : fitting) term.adapter = fit(std::move(term.adapter), checkpoint);
  if (fitting.size() == 1 && fitting.front().factor == 1.0) return fitting.front().adapter;
  std::shared_ptr<LoraAdapter> out(new LoraAdapter);
  out->form_ = Form::kCheckpoint;
  std::map<std::string, std::vector<std::pair<const LoraPair*, double>>> parts;
  for (const LoraTerm& term : fitting) {
    const std::string factor = term.factor == 1.0 ? "" : fmt::format(":{}", term.factor);
    const bool first = out->path_.empty();
    out->path_ += (first ? "" : " + ") + term.adapter->path_ + factor;
    out->label_ += (first ? "" : " + ") + term.adapter->label_ + factor;
    const std::vector<std::string>& warnings = term.adapter->warnings_;
    out->warnings_.insert(out->warnings_.end(), warnings.begin(), warnings.end());
    for (const auto& [name, pair] : term.adapter->pairs_) {
      parts[name].emplace_back(&pair, term.factor);
    }
  }
  for (const auto& [name, pairs] : parts) out->pairs_.emplace(name, joined(pairs));
  return out;
}

std::shared_ptr<const LoraAdapter> LoraAdapter::of_pairs(std::string path,
                                                         std::map<std::string, LoraPair> pairs) {
  const std::shared_ptr<LoraAdapter> out(new LoraAdapter());
  out->path_ = out->label_ = std::move(path);
  out->pairs_ = std::move(pairs);
  out->form_ = Form::kCheckpoint;
  return out;
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
  const Family* family = family_by_type(config.family);
  if (!gguf_architecture_.empty() &&
      (family == nullptr ||
       (family->gguf != gguf_architecture_ && family->also_gguf != gguf_architecture_))) {
    fail_invalid("{}: is for models of GGUF's architecture {}, and {} is a {}", quoted(path_),
                 quoted(gguf_architecture_), quoted(model), config.family);
  }
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
