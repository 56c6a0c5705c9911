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

MatrixRole matrix_role(std::string_view name) {
  if (name == "model.embed_tokens.weight") return MatrixRole::kEmbedding;
  if (name == "lm_head.weight") return MatrixRole::kHead;
  if (name.ends_with("v_proj.weight")) return MatrixRole::kValue;
  if (name.ends_with("down_proj.weight")) return MatrixRole::kDown;
  return MatrixRole::kOther;
}

// Measured as KL divergence from f32 on trained models (see quantize(1)): the grid at group 64 is
// better than evenly spaced codes at group 32, and the kernels run it at the same speed as those
// at group 64. Eight bits pay in the output matrix, most of all where it is the embedding too; an
// embedding is read a row at a time, so its bits cost room only. With grouped heads the values'
// matrix is small and everything goes through it.
MatrixScheme mixture_scheme(MatrixRole role, std::int64_t rows, std::int64_t cols) {
  const PackedScheme plain{4, 64, ScaleForm::kHalf, false, true};
  const PackedScheme eight{8, 0, ScaleForm::kHalf, false, false};
  switch (role) {
    case MatrixRole::kEmbedding:
    case MatrixRole::kHead:
      return eight;
    case MatrixRole::kValue:
      return rows * 4 <= cols ? eight : plain;
    case MatrixRole::kDown:
    case MatrixRole::kOther:
      break;
  }
  return plain;
}

double bits_per_weight(const PackedScheme& scheme) {
  if (scheme.group == 0) return scheme.bits;
  const double factor = scheme.form == ScaleForm::kTwoLevel
                            ? 8.0 / scheme.group + 16.0 / kPackedSuperGroup
                            : 16.0 / scheme.group;
  return scheme.bits + factor * (scheme.minimums ? 2.0 : 1.0);
}

}  // namespace lathe
