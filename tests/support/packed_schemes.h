// Every packed scheme that there is, for tests that go over all of them.
#pragma once

#include <array>
#include <cstdint>
#include <iterator>
#include <vector>

#include "tensor/packed_names.h"

namespace lathe::test {

// Sixteen values as a quantizer might fit them.
inline constexpr std::array<std::int8_t, 16> kSomeGrid = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                          1,    13,   25,  38,  53,  69,  89,  113};

inline std::vector<PackedScheme> all_packed_schemes() {
  std::vector<std::int32_t> groups(std::begin(kPackedGroups), std::end(kPackedGroups));
  groups.push_back(0);
  std::vector<PackedScheme> schemes;
  for (const CodeWidth& width : kCodeWidths) {
    for (const std::int32_t group : groups) {
      for (const ScaleForm form : {ScaleForm::kHalf, ScaleForm::kTwoLevel}) {
        for (const bool minimums : {false, true}) {
          for (const bool grid : {false, true}) {
            for (const bool wide_inputs : {false, true}) {
              const PackedScheme s = {width.bits, group, form, minimums, grid, wide_inputs};
              if (!packed_scheme_error(s)) schemes.push_back(s);
            }
          }
        }
      }
    }
  }
  return schemes;
}

}  // namespace lathe::test
