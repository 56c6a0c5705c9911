#include "quant/group_weights.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace lathe {
namespace {

constexpr float kNothing = 0x1p-40f;  // beside the group's largest
constexpr float kLittle = 0x1p-10f;

void scale_group(std::span<float> weights) {
  const float largest = *std::max_element(weights.begin(), weights.end());
  if (!(largest > 0.0f)) {
    std::fill(weights.begin(), weights.end(), 1.0f);
    return;
  }
  int exponent = 0;
  std::frexp(largest, &exponent);
  for (float& w : weights) {
    w = std::ldexp(w, -exponent);
    if (w < kNothing) w = kLittle;
  }
}

}  // namespace

std::vector<float> group_weights(std::span<const float> importance, std::int64_t cols,
                                 std::int64_t group) {
  std::vector<float> out(importance.begin(), importance.end());
  out.resize(static_cast<std::size_t>(cols), 1.0f);
  if (importance.empty()) return out;
  const auto size = static_cast<std::size_t>(group);
  for (std::size_t first = 0; first < out.size(); first += size) {
    scale_group(std::span(out).subspan(first, std::min(size, out.size() - first)));
  }
  return out;
}

}  // namespace lathe
