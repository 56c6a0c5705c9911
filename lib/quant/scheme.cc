#include "quant/scheme.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>
#include <vector>

#include "quant/mixture.h"
#include "tensor/packed_names.h"

namespace lathe {
namespace {

// Types that quantize makes besides.
constexpr DType kTypes[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1,
                            DType::kF32,  DType::kF16,  DType::kBF16};

std::string type_name(DType type) {
  std::string name(dtype_info(type).name);
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

}  // namespace

std::optional<MatrixScheme> scheme_by_name(std::string_view name) {
  if (name == "keep") return KeepAsIs{};
  for (const DType type : kTypes) {
    if (dtype_by_name(name) == type) return type;
  }
  if (const auto packed = packed_scheme_by_name(name)) return *packed;
  return std::nullopt;
}

std::string scheme_name(const MatrixScheme& scheme) {
  if (const auto* type = std::get_if<DType>(&scheme)) return type_name(*type);
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    return packed_scheme_name(*packed);
  }
  return "keep";
}

std::vector<std::string> scheme_names() {
  std::vector<std::string> names = mixture_names();
  for (const PackedScheme& packed : all_packed_schemes()) {
    std::string name = packed_scheme_name(packed);
    // Not all that can be are offered.
    if (packed_scheme_by_name(name)) names.push_back(std::move(name));
  }
  for (const DType type : kTypes) names.push_back(type_name(type));
  names.emplace_back("keep");
  return names;
}

std::string scheme_list() {
  std::string types;
  for (const DType type : kTypes) types += ", " + type_name(type);
  return fmt::format("{} (mixtures), {}{} and keep", fmt::join(mixture_names(), ", "),
                     packed_scheme_list(), types);
}

std::string gguf_scheme_list() {
  std::vector<std::string> names;
  for (const DType type : kTypes) {
    if (dtype_info(type).block > 1) names.push_back(type_name(type));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace lathe
