#include "quant/block_form.h"

namespace lathe {
namespace {

using Kind = BlockForm::Kind;

constexpr BlockForm::Steps kSixBits = {0, 63};
constexpr BlockForm::Steps kSigned6 = {-32, 31};

constexpr BlockForm kForms[] = {
    {.type = DType::kQ2_K,
     .block = 256,
     .group = 16,
     .top_code = 3,
     .kind = Kind::kLine,
     .scales = {0, 15},
     .minimums = {0, 15}},
    {.type = DType::kQ3_K, .block = 256, .group = 16, .top_code = 7, .scales = kSigned6},
    {.type = DType::kIQ4_XS, .block = 256, .kind = Kind::kGrid, .scales = kSigned6},
    {.type = DType::kMXFP4, .kind = Kind::kE2M1},
    {.type = DType::kIQ4_NL, .kind = Kind::kGrid},
    {.type = DType::kQ4_0},
    {.type = DType::kQ4_K,
     .block = 256,
     .kind = Kind::kLine,
     .scales = kSixBits,
     .minimums = kSixBits},
    {.type = DType::kQ4_1, .kind = Kind::kLine},
    {.type = DType::kQ5_0, .top_code = 31},
    {.type = DType::kQ5_K,
     .block = 256,
     .top_code = 31,
     .kind = Kind::kLine,
     .scales = kSixBits,
     .minimums = kSixBits},
    {.type = DType::kQ5_1, .top_code = 31, .kind = Kind::kLine},
    {.type = DType::kQ6_K, .block = 256, .group = 16, .top_code = 63, .scales = {-128, 127}},
    {.type = DType::kQ8_0, .top_code = 255},
};

}  // namespace

std::span<const BlockForm> block_forms() noexcept { return kForms; }

const BlockForm* find_block_form(DType type) noexcept {
  for (const BlockForm& form : kForms) {
    if (form.type == type) return &form;
  }
  return nullptr;
}

}  // namespace lathe
