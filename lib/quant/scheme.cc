#include "quant/scheme.h"

#include <charconv>

#include "tensor/packed_layout.h"

namespace lathe {
namespace {

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<PackedScheme> packed_by_name(std::string_view name) {
  PackedScheme scheme;
  if (take(name, "w8")) {
    scheme.bits = 8;
  } else if (take(name, "w4")) {
    scheme.bits = 4;
  } else {
    return std::nullopt;
  }
  scheme.group = 0;
  scheme.grid = scheme.bits == 4 && take(name, "nl");
  if (take(name, "g")) {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), scheme.group);
    if (error != std::errc() || scheme.group == 0) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  } else if (scheme.bits == 4) {
    return std::nullopt;  // the mixture, or no scheme at all
  }
  scheme.minimums = take(name, "a");
  scheme.form = take(name, "d") ? ScaleForm::kTwoLevel : ScaleForm::kHalf;
  if (!name.empty() || packed_scheme_error(scheme)) return std::nullopt;
  return scheme;
}

}  // namespace

std::optional<MatrixScheme> scheme_by_name(std::string_view name) {
  if (name == "keep") return KeepAsIs{};
  for (const DType type :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    if (dtype_by_name(name) == type) return type;
  }
  if (const auto packed = packed_by_name(name)) return *packed;
  return std::nullopt;
}

std::string scheme_name(const MatrixScheme& scheme) {
  if (const auto* type = std::get_if<DType>(&scheme)) {
    std::string name(dtype_info(*type).name);
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name;
  }
  if (const auto* packed = std::get_if<PackedScheme>(&scheme)) {
    return packed_scheme_name(*packed);
  }
  return "keep";
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

double bits_per_weight(const PackedScheme& scheme) {
  if (scheme.group == 0) return scheme.bits;
  const double factor = scheme.form == ScaleForm::kTwoLevel
                            ? 8.0 / scheme.group + 16.0 / kPackedSuperGroup
                            : 16.0 / scheme.group;
  return scheme.bits + factor * (scheme.minimums ? 2.0 : 1.0);
}

}  // namespace lathe
