#include "container/ggml_types.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

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
    {"Q2_K", Status::kRead, DType::kQ2_K},
    {"Q3_K", Status::kRead, DType::kQ3_K},
    {"Q4_K", Status::kRead, DType::kQ4_K},
    {"Q5_K", Status::kRead, DType::kQ5_K},
    {"Q6_K", Status::kRead, DType::kQ6_K},
    {"Q8_K", Status::kKnown},
    {"IQ2_XXS", Status::kRead, DType::kIQ2_XXS},
    {"IQ2_XS", Status::kRead, DType::kIQ2_XS},
    {"IQ3_XXS", Status::kRead, DType::kIQ3_XXS},
    {"IQ1_S", Status::kRead, DType::kIQ1_S},
    {"IQ4_NL", Status::kRead, DType::kIQ4_NL},
    {"IQ3_S", Status::kRead, DType::kIQ3_S},
    {"IQ2_S", Status::kRead, DType::kIQ2_S},
    {"IQ4_XS", Status::kRead, DType::kIQ4_XS},
    {"I8", Status::kRead, DType::kI8},
    {"I16", Status::kRead, DType::kI16},
    {"I32", Status::kRead, DType::kI32},
    {"I64", Status::kRead, DType::kI64},
    {"F64", Status::kRead, DType::kF64},
    {"IQ1_M", Status::kRead, DType::kIQ1_M},
    {"BF16", Status::kRead, DType::kBF16},
    {"Q4_0_4_4", Status::kRemoved},
    {"Q4_0_4_8", Status::kRemoved},
    {"Q4_0_8_8", Status::kRemoved},
    {"TQ1_0", Status::kRead, DType::kTQ1_0},
    {"TQ2_0", Status::kRead, DType::kTQ2_0},
    {"IQ4_NL_4_4", Status::kRemoved},
    {"IQ4_NL_4_8", Status::kRemoved},
    {"IQ4_NL_8_8", Status::kRemoved},
    {"MXFP4", Status::kRead, DType::kMXFP4},
    {"NVFP4", Status::kRead, DType::kNVFP4},
    {"Q1_0", Status::kRead, DType::kQ1_0},
    {"Q2_0", Status::kRead, DType::kQ2_0},
}};

// Of ik_llama.cpp alone (its enumeration ggml_type).
struct ForkType {
  std::uint32_t number;
  std::string_view name;
};
constexpr ForkType kForkTypes[] = {
    {133, "Q6_0"},       {134, "IQ1_BN"},    {135, "IQ2_BN"},     {136, "Q8_K64"},
    {137, "IQ2_K"},      {138, "IQ3_K"},     {139, "IQ4_K"},      {140, "IQ5_K"},
    {141, "IQ6_K"},      {142, "IQ2_TN"},    {143, "IQ1_TN"},     {144, "IQ4_KS"},
    {145, "IQ2_KS"},     {146, "IQ4_KSS"},   {147, "Q8_K16"},     {148, "Q8_K32"},
    {149, "Q8_KR8"},     {150, "Q8_K128"},   {151, "Q8_KV"},      {152, "IQ5_KS"},
    {153, "IQ2_KT"},     {154, "IQ3_KT"},    {155, "IQ4_KT"},     {156, "IQ3_KS"},
    {157, "IQ2_KL"},     {158, "IQ1_KT"},    {202, "Q4_0_R8"},    {206, "Q5_0_R4"},
    {208, "Q8_0_R8"},    {210, "Q2_K_R4"},   {211, "Q3_K_R4"},    {212, "Q4_K_R4"},
    {213, "Q5_K_R4"},    {214, "Q6_K_R4"},   {216, "IQ2_XXS_R4"}, {217, "IQ2_XS_R4"},
    {218, "IQ3_XXS_R4"}, {219, "IQ1_S_R4"},  {220, "IQ4_NL_R4"},  {221, "IQ3_S_R4"},
    {222, "IQ2_S_R4"},   {223, "IQ4_XS_R8"}, {229, "IQ1_M_R4"},   {230, "BF16_R16"},
    {233, "Q6_0_R4"},    {335, "IQ2_BN_R4"}, {337, "IQ2_K_R4"},   {338, "IQ3_K_R4"},
    {339, "IQ4_K_R4"},   {340, "IQ5_K_R4"},  {344, "IQ4_KS_R4"},  {352, "IQ5_KS_R4"},
    {353, "MXFP4_R8"},   {397, "Q8_K_R16"},  {398, "Q8_KV_R8"},   {399, "Q8_K_R8"}};

const ForkType* find_fork_type(std::uint32_t number) noexcept {
  const auto* type = std::ranges::find(kForkTypes, number, &ForkType::number);
  return type == std::end(kForkTypes) ? nullptr : type;
}

}  // namespace

DType dtype_from_ggml(std::uint32_t type, std::string_view file, std::string_view tensor) {
  if (const ForkType* fork = find_fork_type(type)) {
    fail_unsupported(
        "{}: tensor {} has type {}, which only ik_llama.cpp has, and which is not supported; make "
        "a file of another type from the source",
        quoted(file), quoted(tensor), fork->name);
  }
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
