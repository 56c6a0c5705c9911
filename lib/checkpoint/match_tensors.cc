#include <algorithm>
#include <fmt/ranges.h>
#include <unordered_map>

#include "lathe/host/quoted_list.h"

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/row_order.h"
#include "checkpoint/stored_checkpoint.h"
#include "foreign/foreign_matrix.h"

namespace lathe {
namespace {

constexpr std::size_t kNamesShown = 4;

std::string list_names(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return quoted_list(names, kNamesShown);
}

void check_tensor(const FoundTensor& found, const TensorSlot& slot, const TensorPlace& place,
                  const std::string& file) {
  const std::vector<std::int64_t>& shape = place.fused() ? place.whole : slot.shape;
  if (found.shape != shape) {
    fail_invalid("{}: the tensor {} has shape {}, but the configuration asks for {}", quoted(file),
                 quoted(found.name), shape_text(found.shape), shape_text(shape));
  }
  const bool blocks = dtype_info(found.dtype).block > 1;
  const bool quantized = blocks || found.dtype == DType::kPacked;
  if (is_float(found.dtype) || (quantized && slot.shape.size() == 2)) return;
  fail_unsupported("{}: the tensor {} has type {}, which is no type for {}", quoted(file),
                   quoted(found.name), dtype_info(found.dtype).name,
                   slot.shape.size() == 2 ? "a matrix of weights" : "a norm or a bias");
}

// The slot's part of the file's tensor.
std::span<const std::byte> part_of(std::span<const std::byte> bytes, const TensorSlot& slot,
                                   const TensorPlace& place) {
  if (!place.fused()) return bytes;
  std::int64_t rows = 1;  // in all; of vectors: elements
  const auto end = place.whole.end() - (slot.shape.size() == 2 ? 1 : 0);
  for (auto size = place.whole.begin(); size != end; ++size) rows *= *size;
  const std::size_t row = bytes.size() / static_cast<std::size_t>(rows);
  return bytes.subspan(static_cast<std::size_t>(place.first_row) * row,
                       static_cast<std::size_t>(slot.shape[0]) * row);
}

void add_view(const TensorSlot& slot, const FoundTensor& tensor, const TensorFile& file,
              CheckpointParts& parts) {
  std::uint64_t elements = 1;
  for (const std::int64_t size : slot.shape) elements *= static_cast<std::uint64_t>(size);
  parts.facts.tensors.push_back({.name = slot.name(),
                                 .dtype = tensor.dtype,
                                 .shape = slot.shape,
                                 .bytes = dtype_bytes(tensor.dtype, elements).value(),
                                 .id = slot.id});
  parts.stored.push_back({.bytes = file.tensor_place(tensor.index),
                          .stored = tensor.dtype,
                          .index = tensor.index,
                          .view = tensor.view});
}

// The matrix's rows that are the slot's, in its order.
std::shared_ptr<const ForeignMatrix> rows_of(const FoundTensor& tensor, const TensorSlot& slot,
                                             const TensorPlace& place, const ModelConfig& config) {
  if (!place.fused() && !place.interleaved) return tensor.matrix;
  if (place.fused() && place.whole.size() != 2) {
    fail(ErrorCode::kBug, "{} in {} dimensions", slot.name(), place.whole.size());
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(slot.shape[0]));
  for (std::int64_t r = 0; r < slot.shape[0]; ++r) {
    std::int64_t row = r;
    if (place.interleaved) {
      const AttentionConfig& a = config.layer(slot.id.layer).attention;
      row = interleaved_of_half(r, {a.head_dim, a.rotary_dims});
    }
    order[static_cast<std::size_t>(r)] = place.first_row + row;
  }
  return select_rows(tensor.matrix, std::move(order));
}

void add_foreign(const TensorSlot& slot, const TensorPlace& place, const FoundTensor& tensor,
                 CheckpointParts& parts) {
  auto matrix = rows_of(tensor, slot, place, parts.facts.config);
  parts.facts.tensors.push_back({.name = slot.name(),
                                 .dtype = DType::kPacked,
                                 .shape = slot.shape,
                                 .bytes = packed_bytes(*matrix),
                                 .id = slot.id});
  parts.stored.push_back({.bytes = {},
                          .stored = DType::kPacked,
                          .index = tensor.index,
                          .packed = std::make_shared<LazyPacked>(std::move(matrix))});
}

}  // namespace

std::vector<FoundTensor> list_tensors(const TensorFile& file) {
  std::vector<FoundTensor> found;
  found.reserve(file.tensors().size());
  for (const TensorEntry& entry : file.tensors()) found.push_back({entry, found.size()});
  return found;
}

void match_tensors(CheckpointParts& parts, std::span<const TensorSlot> slots,
                   const std::vector<FoundTensor>& found, TensorPlace TensorSlot::*place) {
  const ModelConfig& config = parts.facts.config;
  const TensorFile& file = *parts.file;
  std::unordered_map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < found.size(); ++i) by_name.emplace(found[i].name, i);

  std::vector<std::string> missing;
  std::vector<bool> used(found.size(), false);
  for (const TensorSlot& slot : slots) {
    const TensorPlace& at = slot.*place;
    const auto it = by_name.find(at.name);
    if (it == by_name.end()) {
      missing.push_back(at.name);
      continue;
    }
    const FoundTensor& tensor = found[it->second];
    check_tensor(tensor, slot, at, file.path());
    used[it->second] = true;
    if (tensor.view) {
      add_view(slot, tensor, file, parts);
      continue;
    }
    if (tensor.matrix) {
      add_foreign(slot, at, tensor, parts);
      continue;
    }
    const auto bytes = part_of(file.tensor_place(tensor.index), slot, at);
    const auto floats = static_cast<std::size_t>(slot.shape[0]) * sizeof(float);
    parts.facts.tensors.push_back({.name = slot.name(),
                                   .dtype = at.less_one ? DType::kF32 : tensor.dtype,
                                   .shape = slot.shape,
                                   .bytes = at.less_one ? floats : bytes.size(),
                                   .id = slot.id});
    parts.stored.push_back({.bytes = bytes,
                            .stored = tensor.dtype,
                            .interleaved = at.interleaved,
                            .less_one = at.less_one,
                            .index = tensor.index});
  }
  if (!missing.empty()) {
    fail_invalid("{}: the model lacks {}", quoted(file.path()), list_names(std::move(missing)));
  }
  std::vector<std::string> extra, ignored;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (used[i]) continue;
    (is_ignorable_tensor(found[i].name, config) ? ignored : extra).push_back(found[i].name);
  }
  if (!extra.empty()) {
    fail_invalid("{}: a model of family {} with this configuration has no {}", quoted(file.path()),
                 config.family, list_names(std::move(extra)));
  }
  if (!ignored.empty()) {
    parts.facts.metadata[kIgnoredTensors] = fmt::format("{}", fmt::join(ignored, ", "));
  }
}

}  // namespace lathe
