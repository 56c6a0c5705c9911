#include "quant/gguf_mixture.h"

#include "base/ascii.h"
#include "base/fail.h"

namespace lathe {
namespace {

using T = DType;

// Layers whose values and way down get `more`.
enum class Some : std::uint8_t {
  kNone,
  kFirstTwo,
  kFirstFour,
  kSixteenth,  // the first of them
  kEighth,
  kEnds,     // the first and the last eighth, and every third between
  kGrouped,  // where heads share the values
};

struct Part {
  T type;
  T more;
  Some of = Some::kNone;
};

struct Mixture {
  std::string_view name;
  T base;
  T output;  // and an embedding that is the output
  T attention_output;
  Part value;
  Part down;
  T experts;
};

constexpr Mixture uniform(std::string_view name, T base, T output) {
  return {name, base, output, base, {base, base}, {base, base}, base};
}

constexpr Mixture make(std::string_view name, T base, T attention_output, const Part& value,
                       const Part& down) {
  return {name, base, T::kQ6_K, attention_output, value, down, base};
}

constexpr Mixture kMixtures[] = {
    make("q2_k", T::kQ2_K, T::kQ3_K, {T::kQ3_K, T::kQ4_K, Some::kGrouped}, {T::kQ3_K, T::kQ3_K}),
    make("q2_k_s", T::kQ2_K, T::kQ2_K, {T::kQ2_K, T::kQ4_K, Some::kGrouped},
         {T::kQ2_K, T::kQ4_K, Some::kEighth}),
    uniform("q3_k_s", T::kQ3_K, T::kQ6_K),
    make("q3_k_m", T::kQ3_K, T::kQ4_K, {T::kQ4_K, T::kQ5_K, Some::kFirstTwo},
         {T::kQ4_K, T::kQ5_K, Some::kSixteenth}),
    make("q3_k_l", T::kQ3_K, T::kQ5_K, {T::kQ5_K, T::kQ5_K}, {T::kQ5_K, T::kQ5_K}),
    make("iq4_xs", T::kIQ4_XS, T::kIQ4_XS, {T::kIQ4_XS, T::kQ5_K, Some::kGrouped},
         {T::kIQ4_XS, T::kQ5_K, Some::kEighth}),
    make("iq4_nl", T::kIQ4_NL, T::kIQ4_NL, {T::kIQ4_NL, T::kQ5_K, Some::kGrouped},
         {T::kIQ4_NL, T::kQ5_K, Some::kEighth}),
    make("q4_k_s", T::kQ4_K, T::kQ4_K, {T::kQ4_K, T::kQ5_K, Some::kFirstFour},
         {T::kQ4_K, T::kQ5_K, Some::kEighth}),
    make("q4_k_m", T::kQ4_K, T::kQ4_K, {T::kQ4_K, T::kQ6_K, Some::kEnds},
         {T::kQ4_K, T::kQ6_K, Some::kEnds}),
    uniform("q5_k_s", T::kQ5_K, T::kQ6_K),
    make("q5_k_m", T::kQ5_K, T::kQ5_K, {T::kQ5_K, T::kQ6_K, Some::kEnds},
         {T::kQ5_K, T::kQ6_K, Some::kEnds}),
    {"mxfp4_moe",
     T::kQ8_0,
     T::kQ8_0,
     T::kQ8_0,
     {T::kQ8_0, T::kQ8_0},
     {T::kQ8_0, T::kQ8_0},
     T::kMXFP4},
};

bool same_name(std::string_view a, std::string_view b) {
  return to_lower_ascii(a) == to_lower_ascii(b);
}

const Mixture* find_mixture(std::string_view name) {
  for (const Mixture& mixture : kMixtures) {
    if (same_name(mixture.name, name)) return &mixture;
  }
  return nullptr;
}

bool gets_more(Some some, const TensorInfo& matrix, std::int64_t layers) {
  const std::int64_t layer = matrix.id.layer;
  const std::int64_t eighth = layers / 8;
  switch (some) {
    case Some::kNone:
      return false;
    case Some::kFirstTwo:
      return layer < 2;
    case Some::kFirstFour:
      return layer < 4;
    case Some::kSixteenth:
      return layer < layers / 16;
    case Some::kEighth:
      return layer < eighth;
    case Some::kEnds:
      return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
    case Some::kGrouped:
      return matrix.rows() * 4 <= matrix.cols();
  }
  return false;
}

}  // namespace

bool is_gguf_mixture(std::string_view name) { return find_mixture(name) != nullptr; }

std::vector<std::string> gguf_mixture_names() {
  std::vector<std::string> names;
  for (const Mixture& mixture : kMixtures) names.emplace_back(mixture.name);
  return names;
}

DType gguf_mixture_type(std::string_view mixture, const TensorInfo& matrix,
                        const MixtureModel& model) {
  const Mixture* m = find_mixture(mixture);
  if (m == nullptr) fail(ErrorCode::kBug, "{} is no mixture", mixture);
  const auto of = [&](const Part& part) {
    return gets_more(part.of, matrix, model.layers) ? part.more : part.type;
  };
  if (matrix.id.expert >= 0 && m->experts != m->base) return m->experts;
  switch (matrix.id.role) {
    case TensorRole::kEmbedding:
      return model.tied ? m->output : m->base;
    case TensorRole::kHead:
      return m->output;
    case TensorRole::kValue:
      return of(m->value);
    case TensorRole::kAttentionOutput:
      return m->attention_output;
    case TensorRole::kDown:
    case TensorRole::kSharedDown:
      return of(m->down);
    default:
      return m->base;
  }
}

}  // namespace lathe
