#include "lathe/dtype.h"

#include <array>
#include <cstddef>

#include "base/checked.h"

namespace lathe {
namespace {

// In the order of the enumeration.
constexpr std::array<DTypeInfo, 36> kTypes = {{
    {"F32", 1, 4},        {"F16", 1, 2},        {"BF16", 1, 2},     {"I8", 1, 1},
    {"U8", 1, 1},         {"I16", 1, 2},        {"I32", 1, 4},      {"I64", 1, 8},
    {"F64", 1, 8},        {"BOOL", 1, 1},       {"Q4_0", 32, 18},   {"Q4_1", 32, 20},
    {"Q5_0", 32, 22},     {"Q5_1", 32, 24},     {"Q8_0", 32, 34},   {"Q4_K", 256, 144},
    {"Q5_K", 256, 176},   {"Q6_K", 256, 210},   {"Q2_K", 256, 84},  {"Q3_K", 256, 110},
    {"IQ4_NL", 32, 18},   {"IQ4_XS", 256, 136}, {"MXFP4", 32, 17},  {"NVFP4", 64, 36},
    {"TQ1_0", 256, 54},   {"TQ2_0", 256, 66},   {"Q1_0", 128, 18},  {"Q2_0", 64, 18},
    {"IQ2_XXS", 256, 66}, {"IQ2_XS", 256, 74},  {"IQ2_S", 256, 82}, {"IQ3_XXS", 256, 98},
    {"IQ3_S", 256, 110},  {"IQ1_S", 256, 50},   {"IQ1_M", 256, 56}, {"PACKED", 1, 0},
}};

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

const DTypeInfo& dtype_info(DType dtype) noexcept {
  return kTypes[static_cast<std::size_t>(dtype)];
}

std::optional<DType> dtype_by_name(std::string_view name) noexcept {
  for (std::size_t t = 0; t < kTypes.size(); ++t) {
    const std::string_view known = kTypes[t].name;
    if (known.size() != name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) same = same && upper(name[i]) == known[i];
    if (same) return static_cast<DType>(t);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> dtype_bytes(DType dtype, std::uint64_t elements) noexcept {
  const DTypeInfo& info = dtype_info(dtype);
  if (info.bytes == 0) return std::nullopt;  // packed: the scheme decides
  const auto block = static_cast<std::uint64_t>(info.block);
  if (elements % block != 0) return std::nullopt;
  return checked_mul<std::uint64_t>(elements / block, static_cast<std::uint64_t>(info.bytes));
}

}  // namespace lathe
