#include "checkpoint/foreign_folder.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "checkpoint/small_file.h"
#include "foreign/configuration.h"
#include "foreign/foreign.h"

namespace lathe {
namespace {

constexpr std::string_view kWeight = ".weight";
// Matrices that are looked at for what is lost: rows of some layers tell.
constexpr std::size_t kLookedAt = 16;

bool all_zeros(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::map<std::string, std::uint64_t> join_foreign(const FileSet& folder,
                                                  std::string_view config_text,
                                                  const SafetensorsReader& file,
                                                  std::vector<FoundTensor>& found) {
  std::map<std::string, std::uint64_t> bytes;
  const auto path = [&](const std::string& name) { return folder.path_of(name); };
  const auto configuration = foreign_configuration(
      parse_json(config_text, path("config.json")),
      [&](const std::string& name) { return read_small_file_if_there(folder, name); }, path);
  if (!configuration) return bytes;
  const JsonView view(configuration->json, configuration->file);
  if (!is_foreign_method(view.get_string("quant_method").value_or(""))) return bytes;
  std::vector<ForeignPart> tensors;
  for (const FoundTensor& tensor : found) tensors.push_back({tensor.name, tensor.index});
  ForeignTensors foreign = find_foreign(view, file, tensors);
  const std::set<std::size_t> used(foreign.used.begin(), foreign.used.end());
  std::erase_if(found, [&](const FoundTensor& tensor) { return used.contains(tensor.index); });
  for (ForeignTensor& tensor : foreign.matrices) {
    FoundTensor one;
    one.name = std::move(tensor.name);
    one.dtype = DType::kPacked;
    one.shape = {tensor.matrix->rows(), tensor.matrix->cols()};
    one.index = tensor.part;
    one.matrix = std::move(tensor.matrix);
    bytes.emplace(one.name, tensor.bytes);
    found.push_back(std::move(one));
  }
  return bytes;
}

void drop_zero_biases(const SafetensorsReader& file, std::span<const TensorSlot> slots,
                      std::vector<FoundTensor>& found) {
  std::set<std::string> biases;
  for (const FoundTensor& tensor : found) {
    if (!tensor.matrix || !tensor.name.ends_with(kWeight)) continue;
    biases.insert(tensor.name.substr(0, tensor.name.size() - kWeight.size()) + ".bias");
  }
  for (const TensorSlot& slot : slots) biases.erase(slot.hugging_face.name);
  std::erase_if(found, [&](const FoundTensor& tensor) {
    return biases.contains(tensor.name) && all_zeros(file.tensor_data(tensor.index));
  });
}

std::string foreign_loss(std::span<const FoundTensor> found) {
  std::size_t rounded = 0;
  double worst = INFINITY;
  for (const FoundTensor& tensor : found) {
    if (!tensor.matrix || tensor.matrix->form().exact) continue;
    if (rounded++ < kLookedAt) worst = std::min(worst, packed_sqnr(*tensor.matrix, 0));
  }
  if (rounded == 0 || std::isinf(worst)) return "";
  return fmt::format("{} matrices are rounded to what the kernels hold (SQNR {:.1f} dB)", rounded,
                     worst);
}

}  // namespace lathe
