#include "quant/mixture.h"

#include "base/fail.h"

namespace lathe {
namespace {

// What each matrix of a model gets.
struct Mixture {
  std::string_view name;
  PackedScheme embedding;  // one of its own
  PackedScheme output;     // with which the embedding goes where it is the same matrix
  PackedScheme first;      // queries and keys of the first layer
  PackedScheme query;
  PackedScheme key;
  PackedScheme grouped_key;  // of heads that share them
  PackedScheme value;
  PackedScheme grouped_value;
  PackedScheme attention_output;
  PackedScheme gate;
  PackedScheme up;
  PackedScheme down;
};

constexpr PackedScheme kRow8 = {.bits = 8, .group = 0};
constexpr PackedScheme kEight = {.bits = 8, .group = 32};
constexpr PackedScheme kWide8 = {
    .bits = 8, .group = 16, .form = ScaleForm::kTwoLevel, .wide_inputs = true};
constexpr PackedScheme kSix = {.bits = 6, .group = 32, .form = ScaleForm::kTwoLevel};
constexpr PackedScheme kFive = {.bits = 5, .group = 32, .form = ScaleForm::kTwoLevel};
constexpr PackedScheme grid(std::uint8_t bits, std::int32_t group, ScaleForm form) {
  return with_usual_span({.bits = bits, .group = group, .form = form, .grid = true});
}
constexpr PackedScheme kGrid64 = grid(4, 64, ScaleForm::kHalf);
constexpr PackedScheme kGrid32 = grid(4, 32, ScaleForm::kTwoLevel);
constexpr PackedScheme kGrid16 = grid(4, 16, ScaleForm::kTwoLevel);
constexpr PackedScheme kThree32 = grid(3, 32, ScaleForm::kTwoLevel);
constexpr PackedScheme kThree16 = grid(3, 16, ScaleForm::kTwoLevel);
constexpr PackedScheme kTwo16 = grid(2, 16, ScaleForm::kTwoLevel);

// Measured as KL divergence from f32 on trained models (see quantize(1)), where bits buy most:
//   - In keys and values that heads share, small matrices that everything goes through: one width
//     more for keys and two for values take a fifth to a third off the whole loss, in SmolLM2 and
//     in Gemma 3, for 1 % of bytes. It is what an exact allocation by measured sensitivity
//     (quantize --max-size) does before all else.
//   - In the output matrix, and with it in an embedding that is the output matrix too: two bits
//     more than the rest has. (Beside w4, 8 bits lose as much as 6 in SmolLM2 and Gemma 3, and make
//     files 7 and 16 % larger; beside w3, 5 lose 2 % less than 4, for 4 %.) An embedding of its own
//     is read a row at a time: its bits cost room only, and small groups do for it.
//   - In the queries and keys of the first layer, a few parts in a thousand of a large model: with
//     4 bits these two alone are a quarter of the whole divergence of a model that was trained
//     here.
//   - In the rest of attention and in the way down, which gain by groups of 32 what they cost: by
//     weight, gate and up gain half as much. (For all matrices groups of 32 cost 5 % of prefill.)
//   - On a grid: at group 64 it is better than evenly spaced codes at group 32, and as fast as
//     those at group 64.
// With 8 bits, activations in one byte lose more than the weights do: two thirds of all. So they
// have two bytes everywhere, which costs a prompt a fifth beside two bytes where they gain most,
// and writing nothing (AVX2); and then scales of 16 inputs in two levels lose 20 to 30 % less than
// of 32 in halves, in as many bytes.
constexpr Mixture kMixtures[] = {
    {.name = "w2",
     .embedding = kGrid32,
     .output = kGrid16,
     .first = kFive,
     .query = kTwo16,
     .key = kTwo16,
     .grouped_key = kThree16,
     .value = kThree16,
     .grouped_value = kGrid16,
     .attention_output = kThree32,
     .gate = kTwo16,
     .up = kTwo16,
     .down = kThree32},
    {.name = "w3",
     .embedding = kGrid32,
     .output = kGrid16,
     .first = kSix,
     .query = kThree32,
     .key = kThree32,
     .grouped_key = kGrid32,
     .value = kThree16,
     .grouped_value = kFive,
     .attention_output = kThree16,
     .gate = kThree32,
     .up = kThree32,
     .down = kThree16},
    {.name = "w4",
     .embedding = kGrid16,
     .output = kSix,
     .first = kRow8,
     .query = kGrid32,
     .key = kGrid32,
     .grouped_key = kFive,
     .value = kGrid32,
     .grouped_value = kSix,
     .attention_output = kGrid32,
     .gate = kGrid64,
     .up = kGrid64,
     .down = kGrid32},
    {.name = "w5",
     .embedding = kFive,
     .output = kSix,
     .first = kEight,
     .query = kFive,
     .key = kFive,
     .grouped_key = kSix,
     .value = kFive,
     .grouped_value = kEight,
     .attention_output = kFive,
     .gate = kFive,
     .up = kFive,
     .down = kFive},
    {.name = "w6",
     .embedding = kSix,
     .output = kSix,
     .first = kEight,
     .query = kSix,
     .key = kSix,
     .grouped_key = kEight,
     .value = kSix,
     .grouped_value = kEight,
     .attention_output = kSix,
     .gate = kSix,
     .up = kSix,
     .down = kSix},
    {.name = "w8",
     .embedding = kWide8,
     .output = kWide8,
     .first = kWide8,
     .query = kWide8,
     .key = kWide8,
     .grouped_key = kWide8,
     .value = kWide8,
     .grouped_value = kWide8,
     .attention_output = kWide8,
     .gate = kWide8,
     .up = kWide8,
     .down = kWide8},
};

const Mixture* find_mixture(std::string_view name) {
  for (const Mixture& mixture : kMixtures) {
    if (mixture.name == name) return &mixture;
  }
  return nullptr;
}

}  // namespace

bool is_mixture(std::string_view name) { return find_mixture(name) != nullptr; }

std::vector<std::string> mixture_names() {
  std::vector<std::string> names;
  for (const Mixture& mixture : kMixtures) names.emplace_back(mixture.name);
  return names;
}

PackedScheme mixture_scheme(std::string_view mixture, const TensorId& matrix, std::int64_t rows,
                            std::int64_t cols, bool tied) {
  const Mixture* m = find_mixture(mixture);
  if (m == nullptr) fail(ErrorCode::kBug, "{} is no mixture", mixture);
  const bool grouped = rows * 2 <= cols;
  switch (matrix.role) {
    case TensorRole::kEmbedding:
      return tied ? m->output : m->embedding;
    case TensorRole::kHead:
      return m->output;
    case TensorRole::kQuery:
      return matrix.layer == 0 ? m->first : m->query;
    case TensorRole::kKey:
      if (matrix.layer == 0) return m->first;
      return grouped ? m->grouped_key : m->key;
    case TensorRole::kValue:
      return grouped ? m->grouped_value : m->value;
    case TensorRole::kAttentionOutput:
      return m->attention_output;
    // A shared expert is a feed-forward part that every token goes through, as one without experts.
    case TensorRole::kUp:
    case TensorRole::kSharedUp:
      return m->up;
    case TensorRole::kDown:
    case TensorRole::kSharedDown:
      return m->down;
    default:
      return m->gate;
  }
}

}  // namespace lathe
