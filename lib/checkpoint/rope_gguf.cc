#include "checkpoint/rope_gguf.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/widen_float.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/rope_factors.h"

namespace lathe {
namespace {

// `times`: what the scale of attention is multiplied by.
void read_yarn(const GgufFields& keys, std::int64_t max_position, double times, RopeConfig& rope) {
  rope.scaling = RopeScalingKind::kYarn;
  rope.original_max_position =
      keys.integer("rope.scaling.original_context_length").value_or(max_position);
  rope.beta_fast = keys.real("rope.scaling.yarn_beta_fast").value_or(32.0);
  rope.beta_slow = keys.real("rope.scaling.yarn_beta_slow").value_or(1.0);
  // yarn_attn_factor is the whole scale of attention; attn_factor multiplies the one that
  // follows from the factor.
  // yarn_log_multiplier divides by the scale of another multiplier of the logarithm.
  if (const auto multiplier = keys.real("rope.scaling.yarn_log_multiplier");
      multiplier && *multiplier != 0.0) {
    const double log = 0.1 * std::log(std::max(rope.factor, 1.0));
    rope.attention_factor = times * (log + 1.0) / (*multiplier * log + 1.0);
  } else if (const auto whole = keys.real("rope.scaling.yarn_attn_factor")) {
    rope.attention_factor = *whole;
  } else if (times != 1.0) {
    rope.attention_factor = times * (0.1 * std::log(std::max(rope.factor, 1.0)) + 1.0);
  }
  if (const auto extrapolation = keys.real("rope.scaling.yarn_ext_factor");
      extrapolation && *extrapolation != 1.0 && *extrapolation >= 0.0) {
    fail_unsupported("{}: {} other than 1 is not supported", quoted(keys.gguf().path()),
                     keys.key("rope.scaling.yarn_ext_factor"));
  }
}

// Divisors of the frequencies of `dims` dimensions; empty where the file has no such tensor.
std::vector<float> read_factors(const GgufReader& gguf, const char* name, std::int64_t dims) {
  const auto tensor = gguf.find_tensor(name);
  if (!tensor) return {};
  const TensorEntry& entry = gguf.tensors()[*tensor];
  if (entry.dtype != DType::kF32 || entry.shape != std::vector<std::int64_t>{dims / 2}) {
    fail_invalid("{}: the tensor {} is not F32 of {} elements", quoted(gguf.path()), quoted(name),
                 dims / 2);
  }
  const auto bytes = gguf.tensor_data(*tensor);
  std::vector<float> factors(bytes.size() / sizeof(float));
  std::memcpy(factors.data(), bytes.data(), bytes.size());
  for (const float factor : factors) {
    if (!std::isfinite(factor) || factor <= 0.0f) {
      fail_invalid("{}: the tensor {} holds {}", quoted(gguf.path()), quoted(name), factor);
    }
  }
  return factors;
}

// Whether the file has LongRoPE's two tensors, which take the place of other scalings.
bool read_longrope(const GgufFields& keys, std::int64_t max_position, std::int64_t dims,
                   RopeConfig& rope) {
  const GgufReader& gguf = keys.gguf();
  rope.frequency_factors = read_factors(gguf, kGgufShortFactors, dims);
  rope.long_factors = read_factors(gguf, kGgufLongFactors, dims);
  if (rope.frequency_factors.empty() && rope.long_factors.empty()) return false;
  for (const char* same : {"rope.scaling.type", "rope.scaling.factor"}) keys.key(same);
  rope.scaling = RopeScalingKind::kLongRope;
  rope.original_max_position = keys.require("rope.scaling.original_context_length", 1, 1 << 30);
  rope.factor = static_cast<double>(max_position) / static_cast<double>(rope.original_max_position);
  rope.attention_factor = keys.real("rope.scaling.attn_factor").value_or(0.0);
  const double usual = longrope_attention_factor(rope);
  if (std::abs(rope.attention_factor - usual) < 1e-6 * usual) rope.attention_factor = 0.0;
  return true;
}

// The tensor of factors: the rule of Llama 3 where its numbers are those, the numbers otherwise.
void read_frequency_factors(const GgufFields& keys, std::int64_t dims, RopeConfig& rope) {
  const GgufReader& gguf = keys.gguf();
  std::vector<float> factors = read_factors(gguf, kGgufRopeFactors, dims);
  if (factors.empty()) return;
  RopeConfig hint = rope;
  hint.original_max_position =
      gguf.get_int(gguf_keys::kRopeOriginal)
          .value_or(keys.integer("rope.scaling.original_context_length").value_or(0));
  hint.low_freq_factor = widen_float(gguf.get_double(gguf_keys::kRopeLow).value_or(1.0));
  hint.high_freq_factor = widen_float(gguf.get_double(gguf_keys::kRopeHigh).value_or(4.0));
  const bool plain = rope.scaling == RopeScalingKind::kNone;
  if (auto rule = plain ? recognise_llama3(hint, factors) : std::nullopt) {
    rope = *std::move(rule);
  } else {
    rope.frequency_factors = std::move(factors);
  }
}
}  // namespace

std::int64_t rotary_dims_from_gguf(const GgufFields& keys, const Family& family,
                                   std::int64_t head_dim) {
  const std::string file = quoted(keys.gguf().path());
  const auto rotated = keys.integer("rope.dimension_count");
  if (!rotated || *rotated == head_dim) return head_dim;
  if (*rotated < 2 || *rotated > head_dim || *rotated % 2 != 0) {
    fail_invalid("{}: {} is {}, but heads have {} dimensions", file,
                 keys.key("rope.dimension_count"), *rotated, head_dim);
  }
  if (!family.partial_rotary) {
    fail_unsupported("{}: rotary positions over {} of {} dimensions of a head are not supported",
                     file, *rotated, head_dim);
  }
  return *rotated;
}
RopeConfig rope_from_gguf(const GgufFields& keys, std::int64_t max_position, std::int64_t dims) {
  RopeConfig rope;
  rope.theta = keys.real("rope.freq_base").value_or(10000.0);
  if (const auto alpha = keys.real("rope.scaling.alpha"); alpha && *alpha > 0.0) {
    rope.theta = stretched_theta(rope.theta, *alpha, dims);
  }
  if (read_longrope(keys, max_position, dims, rope)) return rope;
  // The second is the old name; zero stands for "no scaling".
  const auto old_name = keys.real("rope.scale_linear");
  const double written = keys.real("rope.scaling.factor").value_or(old_name.value_or(0.0));
  const double factor = written == 0.0 ? 1.0 : written;
  const std::string_view type = keys.string("rope.scaling.type").value_or("linear");
  const double times = keys.real("rope.scaling.attn_factor").value_or(1.0);
  if (times != 1.0 && type != "yarn") {
    fail_unsupported("{}: {} other than 1 is supported with YaRN only", quoted(keys.gguf().path()),
                     keys.key("rope.scaling.attn_factor"));
  }
  if (type == "none" || (type == "linear" && factor == 1.0)) {
    // no scaling
  } else if (type == "linear") {
    rope.scaling = RopeScalingKind::kLinear;
    rope.factor = factor;
  } else if (type == "yarn") {
    rope.factor = factor;
    read_yarn(keys, max_position, times, rope);
  } else {
    fail_unsupported("{}: rope scaling {} is not supported (supported: none, linear, yarn)",
                     quoted(keys.gguf().path()), quoted(type));
  }
  read_frequency_factors(keys, dims, rope);
  return rope;
}
}  // namespace lathe
