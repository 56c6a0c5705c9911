// Logits that are numbers: what everything that chooses or scores begins with.
#pragma once

#include <cstddef>
#include <span>

namespace lathe {

// Whether no element is infinite or NaN.
bool all_finite(std::span<const float> logits) noexcept;

// Throws kInvalid: the model's logits after so many tokens are not numbers.
[[noreturn]] void fail_not_numbers(std::size_t tokens);

}  // namespace lathe
