#include "model/activate.h"

#include <algorithm>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"
#include "model/for_rows.h"

namespace lathe {
namespace {

void relu2_mul(const float* gate, const float* up, std::int64_t n, float* out) noexcept {
  for (std::int64_t i = 0; i < n; ++i) {
    const float x = std::max(gate[i], 0.0F);
    out[i] = x * x * up[i];
  }
}

// g · sigmoid(a · g) is silu(a · g) / a.
void prepare_clamped(std::int64_t n, float* gate, float* up) noexcept {
  constexpr float kLimit = 7.0F;
  constexpr float kAlpha = 1.702F;
  for (std::int64_t i = 0; i < n; ++i) {
    // In this order a gate or an up that is no number stays none.
    gate[i] = kAlpha * std::min(gate[i], kLimit);
    up[i] = (std::clamp(up[i], -kLimit, kLimit) + 1.0F) * (1.0F / kAlpha);
  }
}

// gate = activation(gate) · up, n floats each; the clamped one writes to `up` as well.
void activate(Activation activation, std::int64_t n, float* gate, float* up) noexcept {
  const ForwardKernels& table = kernels().forward;
  switch (activation) {
    case Activation::kSilu:
      return table.silu_mul(gate, up, n, gate);
    case Activation::kGeluTanh:
      return table.gelu_mul(gate, up, n, gate);
    case Activation::kRelu2:
      return relu2_mul(gate, up, n, gate);
    case Activation::kClampedSwiglu:
      prepare_clamped(n, gate, up);
      return table.silu_mul(gate, up, n, gate);
  }
}

}  // namespace

void activate_rows(ThreadPool& pool, const MlpConfig& mlp, std::int64_t width, Range columns,
                   std::int64_t rows, float* gate, float* up) noexcept {
  const std::int64_t count = columns.size();
  if (count == 0) return;
  for_rows(pool, rows, count, [&](std::int64_t row) {
    const std::int64_t at = row * width + columns.first;
    if (!mlp.gated) std::fill_n(up + at, count, 1.0F);
    activate(mlp.activation, count, gate + at, up + at);
  });
}

}  // namespace lathe
