// The GGUF form of imatrix_file.h, of the tensors that the model has as GGUF.
#include <bit>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lathe/host/output_file.h"
#include "lathe/importance.h"

#include "calibrate/imatrix_file.h"
#include "checkpoint/model_tensors.h"
#include "container/gguf_writer.h"

namespace lathe {
namespace {

using R = TensorRole;

// A tensor of the model's file: one vector, or one for each expert; null where nothing was met.
struct Entry {
  std::string name;
  std::int64_t inputs = 0;
  std::vector<const std::vector<float>*> experts;
};

const std::vector<float>* columns_of(const ImportanceMatrix& matrix, const TensorSlot& slot,
                                     bool tied) {
  // An embedding is no matrix that inputs meet, unless the output matrix is the same.
  if (slot.id.role == R::kEmbedding && !tied) return nullptr;
  const TensorId id = slot.id.role == R::kEmbedding ? TensorId{R::kHead} : slot.id;
  const auto found = matrix.columns.find(tensor_name(id));
  return found == matrix.columns.end() ? nullptr : &found->second;
}

// In the order of the model's tensors.
std::vector<Entry> entries_of(const ImportanceMatrix& matrix, const ModelConfig& config) {
  std::vector<Entry> out;
  std::map<std::string, std::size_t> places;
  for (const TensorSlot& slot : tensor_slots(config)) {
    const auto* columns = columns_of(matrix, slot, config.tie_word_embeddings);
    if (slot.id.bias || columns == nullptr) continue;
    const auto [place, fresh] = places.emplace(slot.gguf.name, out.size());
    if (fresh) {
      const bool stacked = slot.id.expert >= 0 && slot.gguf.whole.size() == 3;
      const auto count = static_cast<std::size_t>(stacked ? slot.gguf.whole[0] : 1);
      out.push_back({slot.gguf.name, static_cast<std::int64_t>(columns->size()), {}});
      out.back().experts.resize(count);
    }
    const auto expert = static_cast<std::size_t>(slot.id.expert < 0 ? 0 : slot.id.expert);
    out[place->second].experts[expert] = columns;
  }
  return out;
}

void append(GgufWriter& writer, const std::vector<float>& values) {
  writer.append(std::as_bytes(std::span(values)));
}

}  // namespace

void write_imatrix(const ImportanceMatrix& matrix, const ModelConfig& config,
                   const std::string& text, const std::string& path, bool overwrite) {
  constexpr std::int64_t kChunk = 512;
  // A power of two, so that a reader's sum / count is the very mean.
  const auto count = static_cast<float>(
      std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(matrix.tokens, 1))));
  GgufMetadata keys;
  keys.set_string("general.type", "imatrix");
  keys.set_strings("imatrix.datasets", std::vector<std::string>{text});
  keys.set_u32("imatrix.chunk_count",
               static_cast<std::uint32_t>((matrix.tokens + kChunk - 1) / kChunk));
  keys.set_u32("imatrix.chunk_size", kChunk);
  const std::vector<Entry> entries = entries_of(matrix, config);
  std::vector<TensorSpec> tensors;
  for (const Entry& entry : entries) {
    const auto rows = static_cast<std::int64_t>(entry.experts.size());
    tensors.push_back({entry.name + kImatrixSums, DType::kF32, {rows, entry.inputs}});
    tensors.push_back({entry.name + kImatrixCounts, DType::kF32, {rows, 1}});
  }
  OutputFile file(path, overwrite);
  GgufWriter writer(file, keys, std::move(tensors));
  for (const Entry& entry : entries) {
    std::vector<float> counts;
    for (const std::vector<float>* expert : entry.experts) {
      std::vector<float> sums(static_cast<std::size_t>(entry.inputs));
      if (expert != nullptr) sums = *expert;
      for (float& sum : sums) sum *= count;
      append(writer, sums);
      counts.push_back(expert == nullptr ? 0.0F : count);
    }
    append(writer, counts);
  }
  writer.finish();
  file.commit();
}

}  // namespace lathe
