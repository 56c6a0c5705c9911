#include "generate/finite_logits.h"

#include <bit>
#include <cstdint>

#include "base/fail.h"

namespace lathe {

bool all_finite(std::span<const float> logits) noexcept {
  constexpr std::uint32_t kExponent = 0x7f800000u;
  // No early end, so that the loop becomes one of vectors.
  std::uint32_t bad = 0;
  for (const float x : logits) {
    bad |= (std::bit_cast<std::uint32_t>(x) & kExponent) == kExponent ? 1u : 0u;
  }
  return bad == 0;
}

void fail_not_numbers(std::size_t tokens) {
  fail_invalid(
      "the model's logits after {} tokens are not numbers: its weights are damaged, or too large "
      "for the arithmetic",
      tokens);
}

}  // namespace lathe
