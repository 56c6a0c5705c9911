#include "container/ggml_types.h"

#include <array>
#include <cstddef>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {
namespace {

enum class Status : std::uint8_t { kRead, kKnown, kRemoved };

struct GgmlType {
  std::string_view name;
  Status status;
  DType dtype = DType::kF32;  // of kRead
};

// Indexed by the number in the file (enumeration ggml_type of ggml.h).
constexpr std::array<GgmlType, 43> kGgmlTypes = {{
    {"F32", Status::kRead, DType::kF32},
    {"F16", Status::kRead, DType::kF16},
    {"Q4_0", Status::kRead, DType::kQ4_0},
    {"Q4_1", Status::kRead, DType::kQ4_1},
    {"Q4_2", Status::kRemoved},
    {"Q4_3", Status::kRemoved},
    {"Q5_0", Status::kRead, DType::kQ5_0},
    {"Q5_1", Status::kRead, DType::kQ5_1},
    {"Q8_0", Status::kRead, DType::kQ8_0},
    {"Q8_1", Status::kKnown},
    {"Q2_K", Status::kKnown},
    {"Q3_K", Status::kKnown},
    {"Q4_K", Status::kRead, DType::kQ4_K},
    {"Q5_K", Status::kRead, DType::kQ5_K},
    {"Q6_K", Status::kRead, DType::kQ6_K},
    {"Q8_K", Status::kKnown},
    {"IQ2_XXS", Status::kKnown},
    {"IQ2_XS", Status::kKnown},
    {"IQ3_XXS", Status::kKnown},
    {"IQ1_S", Status::kKnown},
    {"IQ4_NL", Status::kKnown},
    {"IQ3_S", Status::kKnown},
    {"IQ2_S", Status::kKnown},
    {"IQ4_XS", Status::kKnown},
    {"I8", Status::kRead, DType::kI8},
    {"I16", Status::kRead, DType::kI16},
    {"I32", Status::kRead, DType::kI32},
    {"I64", Status::kRead, DType::kI64},
    {"F64", Status::kRead, DType::kF64},
    {"IQ1_M", Status::kKnown},
    {"BF16", Status::kRead, DType::kBF16},
    {"Q4_0_4_4", Status::kRemoved},
    {"Q4_0_4_8", Status::kRemoved},
    {"Q4_0_8_8", Status::kRemoved},
    {"TQ1_0", Status::kKnown},
    {"TQ2_0", Status::kKnown},
    {"IQ4_NL_4_4", Status::kRemoved},
    {"IQ4_NL_4_8", Status::kRemoved},
    {"IQ4_NL_8_8", Status::kRemoved},
    {"MXFP4", Status::kKnown},
    {"NVFP4", Status::kKnown},
    {"Q1_0", Status::kKnown},
    {"Q2_0", Status::kKnown},
}};

}  // namespace

DType dtype_from_ggml(std::uint32_t type, std::string_view file, std::string_view tensor) {
  if (type >= kGgmlTypes.size()) {
    fail_invalid("{}: tensor {} has the unknown type {}", quoted(file), quoted(tensor), type);
  }
  const GgmlType& known = kGgmlTypes[type];
  if (known.status == Status::kRemoved) {
    fail_invalid(
        "{}: tensor {} has type {} ({}), which was removed from the format; convert the "
        "model again from its source",
        quoted(file), quoted(tensor), type, known.name);
  }
  if (known.status == Status::kKnown) {
    fail_unsupported("{}: tensor {} has type {}, which is not supported", quoted(file),
                     quoted(tensor), known.name);
  }
  return known.dtype;
}

std::optional<std::uint32_t> ggml_from_dtype(DType dtype) noexcept {
  for (std::size_t t = 0; t < kGgmlTypes.size(); ++t) {
    if (kGgmlTypes[t].status == Status::kRead && kGgmlTypes[t].dtype == dtype) {
      return static_cast<std::uint32_t>(t);
    }
  }
  return std::nullopt;
}

}  // namespace lathe
