#include "foreign/parts.h"

#include <algorithm>
#include <fmt/ranges.h>
#include <utility>

#include "base/escape.h"

namespace lathe {

Parts::Parts(const SafetensorsReader& file, std::span<const ForeignPart> tensors) : file_(file) {
  for (const ForeignPart& tensor : tensors) index_.emplace(tensor.name, tensor.index);
}

std::vector<std::string> Parts::stems(std::string_view suffix) const {
  std::vector<std::string> out;
  for (const auto& [name, index] : index_) {
    if (!name.ends_with(suffix)) continue;
    out.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return out;
}

Part Parts::look(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) fail_part(name, "is lacking");
  const TensorEntry& entry = file_.tensors()[found->second];
  return {name,
          found->second,
          entry.dtype,
          entry.shape,
          file_.tensor_data(found->second),
          file_.bytes_type(found->second)};
}

Part Parts::take(const std::string& name) {
  Part part = look(name);
  out_.used.push_back(part.index);
  bytes_ += part.bytes.size();
  return part;
}

void Parts::drop(const std::string& name) {
  if (has(name)) out_.used.push_back(look(name).index);
}

void Parts::require_matrix(const Part& part) const {
  if (part.shape.size() == 2 && part.shape[0] > 0 && part.shape[1] > 0) return;
  fail(part, "has shape [{}], which is no matrix", fmt::join(part.shape, ", "));
}

void Parts::require_shape(const Part& part, std::span<const std::int64_t> shape) const {
  if (std::ranges::equal(part.shape, shape)) return;
  fail(part, "has shape [{}] where [{}] is needed", fmt::join(part.shape, ", "),
       fmt::join(shape, ", "));
}

void Parts::require_type(const Part& part, std::initializer_list<DType> types) const {
  if (std::ranges::find(types, part.type) != types.end()) return;
  std::vector<std::string_view> names;
  for (const DType type : types) names.push_back(dtype_info(type).name);
  fail(part, "has type {} where {} is needed", dtype_info(part.type).name,
       fmt::join(names, " or "));
}

void Parts::require_scales(const Part& part) const {
  require_type(part, {DType::kF16, DType::kBF16, DType::kF32});
}

void Parts::fail_part(const std::string& name, const std::string& what) const {
  fail_invalid("{}: the tensor {} {}", quoted(file_.path()), quoted(name), what);
}

void Parts::add(const Part& codes, std::string stem, std::shared_ptr<const ForeignMatrix> matrix) {
  out_.matrices.push_back(
      {std::move(stem) + ".weight", codes.index, std::exchange(bytes_, 0), std::move(matrix)});
}

// What is left must be floats: codes whose scales are lacking are named here.
void Parts::refuse_codes_alone() const {
  std::vector<std::size_t> used = out_.used;
  std::ranges::sort(used);
  for (const auto& [name, index] : index_) {
    if (!name.ends_with(".weight") || std::ranges::binary_search(used, index)) continue;
    const Part part = look(name);
    const bool float8 = part.bytes_type.starts_with("F8_");
    if (float8 || part.type == DType::kI8) fail(part, "is quantized, and its scales are lacking");
  }
}

ForeignTensors Parts::finish() {
  refuse_codes_alone();
  return std::move(out_);
}

}  // namespace lathe
