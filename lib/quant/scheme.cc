#include "quant/scheme.h"

#include <fmt/format.h>
#include <vector>

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

std::string scheme_list() {
  std::string types;
  for (const DType type : kTypes) types += ", " + type_name(type);
  return fmt::format("{} (a mixture), {}{} and keep", kMixture, packed_scheme_list(), types);
}

std::string gguf_scheme_list() {
  std::vector<std::string> names;
  for (const DType type : kTypes) {
    if (dtype_info(type).block > 1) names.push_back(type_name(type));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

// Measured as KL divergence from f32 on trained models (see quantize(1)), where bits buy most:
//   - In the output matrix, and with it in an embedding that is the output matrix too. An embedding
//     of its own is read a row at a time: its bits cost room only, and small groups do for it.
//   - In the queries and keys of the first layer, a few parts in a thousand of a large model: with
//     4 bits these two alone are a quarter of the whole divergence.
//   - In the values of grouped heads, a small matrix that everything goes through.
//   - In the rest of attention and in the way down, which gain by groups of 32 what they cost: by
//     weight, gate and up gain half as much. (For all matrices groups of 32 cost 5 % of prefill.)
//   - On a grid: at group 64 it is better than evenly spaced codes at group 32, and as fast as
//     those at group 64.
MatrixScheme mixture_scheme(const TensorId& matrix, std::int64_t rows, std::int64_t cols,
                            bool tied) {
  const PackedScheme plain{4, 64, ScaleForm::kHalf, false, true};
  const PackedScheme fine{4, 32, ScaleForm::kTwoLevel, false, true};
  const PackedScheme finest{4, 16, ScaleForm::kTwoLevel, false, true};
  const PackedScheme eight{8, 0, ScaleForm::kHalf, false, false};
  switch (matrix.role) {
    case TensorRole::kEmbedding:
      return tied ? eight : finest;
    case TensorRole::kHead:
      return eight;
    case TensorRole::kQuery:
    case TensorRole::kKey:
      return matrix.layer == 0 ? eight : fine;
    case TensorRole::kValue:
      return rows * 4 <= cols ? eight : fine;
    case TensorRole::kAttentionOutput:
    case TensorRole::kDown:
      return fine;
    default:
      return plain;
  }
}

}  // namespace lathe
