#include "quant/scheme.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <utility>
#include <vector>

#include "quant/block_form.h"
#include "quant/gguf_mixture.h"
#include "quant/mixture.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF16, DType::kBF16};

std::string type_name(DType type) {
  std::string name(dtype_info(type).name);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

}  // namespace

std::optional<MatrixScheme> scheme_by_name(std::string_view name) {
  if (name == "keep") return KeepAsIs{};
  if (const auto type = dtype_by_name(name)) {
    const bool is_float = std::ranges::find(kFloats, *type) != std::end(kFloats);
    if (is_float || find_block_form(*type) != nullptr) return *type;
  }
  if (const auto packed = packed_scheme_by_name(name)) return *packed;
  if (const auto folder = folder_scheme_by_name(name)) return *folder;
  return std::nullopt;
}

std::string scheme_name(const MatrixScheme& scheme) {
  if (const auto* type = std::get_if<DType>(&scheme)) return type_name(*type);
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    return packed_scheme_name(*packed);
  }
  if (const auto* folder = std::get_if<FolderScheme>(&scheme)) return folder_scheme_name(*folder);
  return "keep";
}

std::vector<std::string> scheme_names() {
  std::vector<std::string> names = mixture_names();
  for (const PackedScheme& packed : all_packed_schemes()) {
    std::string name = packed_scheme_name(packed);
    // Not all that can be are offered.
    if (packed_scheme_by_name(name)) names.push_back(std::move(name));
  }
  for (std::string& name : gguf_mixture_names()) names.push_back(std::move(name));
  for (const BlockForm& form : block_forms()) {
    std::string name = type_name(form.type);
    if (!is_gguf_mixture(name)) names.push_back(std::move(name));
  }
  for (std::string& name : folder_scheme_names()) names.push_back(std::move(name));
  for (const DType type : kFloats) names.push_back(type_name(type));
  names.emplace_back("keep");
  return names;
}

std::string scheme_list() {
  std::string floats;
  for (const DType type : kFloats) floats += type_name(type) + ", ";
  floats.resize(floats.size() - 2);
  return fmt::format("{} (mixtures), {}; for GGUF {}; for Hugging Face folders {}; {} and keep",
                     fmt::join(mixture_names(), ", "), packed_scheme_list(), gguf_scheme_list(),
                     "gptq, awq and compressed-tensors (or gptq4gN, gptq8gN, awq4gN, w4a16gN, "
                     "w8a16gN with N = 32, 64 or 128)",
                     floats);
}

std::string gguf_scheme_list() {
  std::vector<std::string> types;
  for (const BlockForm& form : block_forms()) {
    std::string name = type_name(form.type);
    if (!is_gguf_mixture(name)) types.push_back(std::move(name));
  }
  return fmt::format("{} (mixtures) and {}", fmt::join(gguf_mixture_names(), ", "),
                     fmt::join(types, ", "));
}

}  // namespace lathe
