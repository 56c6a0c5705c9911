#include "quant/descent.h"

#include <algorithm>

#include "kernels/forward_kernels.h"
#include "kernels/select.h"

namespace lathe {
namespace {

constexpr std::int64_t kLanes = 16;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

Descent::Descent(const ErrorFeedback& feedback)
    : feedback_(feedback),
      inputs_(feedback.inputs()),
      errors_(index(kLanes * inputs_)),
      pulls_(errors_.size()) {}

const float* Descent::row(std::int64_t k) const noexcept {
  return feedback_.products() + k * inputs_;
}

void Descent::start(const float* errors) {
  for (std::int64_t k = 0; k < inputs_; ++k) {
    for (std::int64_t r = 0; r < kLanes; ++r)
      errors_[index(r * inputs_ + k)] = errors[k * kLanes + r];
  }
  kernels().forward.f32.matvec(feedback_.products(), inputs_, inputs_, errors_.data(), inputs_,
                               kLanes, pulls_.data(), inputs_);
}

float Descent::power(std::int64_t k) const noexcept { return row(k)[k]; }

void Descent::pull(std::int64_t k, float* out) const noexcept {
  for (std::int64_t r = 0; r < kLanes; ++r) out[r] = pulls_[index(r * inputs_ + k)];
}

void Descent::move(std::int64_t k, const float* by) noexcept {
  for (std::int64_t r = 0; r < kLanes; ++r) {
    if (by[r] == 0.0f) continue;
    const float less = -by[r];
    kernels().forward.add_low_rank(row(k), inputs_, 1, inputs_, &less, 1, 1,
                                   pulls_.data() + r * inputs_, inputs_);
  }
}

void Descent::weigh(std::int64_t first, std::int64_t count, const float* values,
                    ScaleSlope* out) const noexcept {
  *out = {};
  for (std::int64_t k = 0; k < count; ++k) {
    const float* v = values + k * kLanes;
    const float* h = row(first + k) + first;
    float beside[kLanes] = {};
    for (std::int64_t j = 0; j < count; ++j) {
      for (std::int64_t r = 0; r < kLanes; ++r) beside[r] += h[j] * values[j * kLanes + r];
    }
    for (std::int64_t r = 0; r < kLanes; ++r) {
      out->gain[r] += v[r] * pulls_[index(r * inputs_ + first + k)];
      out->cost[r] += v[r] * beside[r];
    }
  }
}

void Descent::move_scales(std::int64_t first, std::int64_t count, const float* values,
                          const float* by) {
  moved_.resize(index(kLanes * count));
  for (std::int64_t r = 0; r < kLanes; ++r) {
    for (std::int64_t k = 0; k < count; ++k) {
      moved_[index(r * count + k)] = -by[r] * values[k * kLanes + r];
    }
  }
  kernels().forward.add_low_rank(row(first), inputs_, count, inputs_, moved_.data(), count, kLanes,
                                 pulls_.data(), inputs_);
}

}  // namespace lathe
