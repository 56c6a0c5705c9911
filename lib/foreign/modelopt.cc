// Folders of NVIDIA's ModelOpt.
//
//   FP8    weight F8_E4M3, weight_scale F32 [1] or [out]
//   NVFP4  weight U8 [out, in / 2] of E2M1, weight_scale F8_E4M3 [out, in / 16], and weight_scale_2
//          F32, which multiplies them
#include "foreign/float8.h"
#include "foreign/methods.h"

namespace lathe {
namespace {

constexpr const char* kUnused[] = {".input_scale", ".k_scale", ".v_scale", ".output_scale"};

}  // namespace

void read_modelopt(const JsonView&, Parts& parts) {
  for (const std::string& stem : parts.stems(".weight_scale_2")) {
    read_float4(stem, stem + ".weight", stem + ".weight_scale_2", false, parts);
  }
  for (const std::string& stem : parts.stems(".weight_scale")) {
    if (!parts.has(stem + ".weight") || !is_float8(parts.look(stem + ".weight"))) continue;
    read_float8(stem, stem + ".weight_scale", 0, 0, parts);
  }
  for (const char* unused : kUnused) {
    for (const std::string& stem : parts.stems(unused)) parts.drop(stem + unused);
  }
}

}  // namespace lathe
