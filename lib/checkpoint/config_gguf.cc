#include "checkpoint/config_gguf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/escape.h"
#include "base/fail.h"
#include "base/utf8.h"
#include "checkpoint/family.h"
#include "checkpoint/gguf_keys.h"
#include "checkpoint/model_tensors.h"
#include "checkpoint/rope_factors.h"
#include "checkpoint/unread_keys.h"

namespace lathe {
namespace {

// The shortest decimal that rounds to the float, as a double.
double widen(double value) {
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(value) || static_cast<double>(narrow) != value) return value;
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), narrow).ptr;
  double out = value;
  std::from_chars(text.data(), end, out);
  return out;
}

// The keys of one architecture.
class Keys {
 public:
  Keys(const GgufReader& gguf, std::string_view architecture)
      : gguf_(gguf), architecture_(architecture) {}

  // Notes that it was asked for.
  std::string key(std::string_view name) const {
    return *asked_.emplace(fmt::format("{}.{}", architecture_, name)).first;
  }
  const KeySet& asked() const { return asked_; }

  std::optional<std::int64_t> integer(std::string_view name) const {
    return gguf_.get_int(key(name));
  }
  std::int64_t require(std::string_view name, std::int64_t least, std::int64_t most) const {
    return gguf_.require_int(key(name), least, most);
  }
  std::optional<double> real(std::string_view name) const {
    const auto value = gguf_.get_double(key(name));
    return value ? std::optional(widen(*value)) : std::nullopt;
  }
  std::optional<std::string_view> string(std::string_view name) const {
    return gguf_.get_string(key(name));
  }

  // A number, or an array with one number per layer, which must all be the same.
  std::optional<std::int64_t> uniform(std::string_view name) const {
    const auto values = gguf_.get_int_or_ints(key(name));
    if (!values || values->empty()) return std::nullopt;
    if (std::adjacent_find(values->begin(), values->end(), std::not_equal_to<>()) !=
        values->end()) {
      fail_unsupported("{}: {} differs between layers, which is not supported",
                       quoted(gguf_.path()), key(name));
    }
    return values->front();
  }

  const GgufReader& gguf() const { return gguf_; }

 private:
  const GgufReader& gguf_;
  std::string_view architecture_;
  mutable KeySet asked_;
};

std::int64_t head_dim_of(const Keys& keys, std::int64_t by_default) {
  const std::int64_t head_dim = keys.integer("attention.key_length").value_or(by_default);
  const std::string file = quoted(keys.gguf().path());
  if (const auto value = keys.integer("attention.value_length"); value && *value != head_dim) {
    fail_unsupported(
        "{}: heads of {} for keys and {} for values; different sizes are not supported", file,
        head_dim, *value);
  }
  return head_dim;
}

std::int64_t rotary_dims_of(const Keys& keys, const Family& family, std::int64_t head_dim) {
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

// `times`: what the scale of attention is multiplied by.
void read_yarn(const Keys& keys, std::int64_t max_position, double times, RopeConfig& rope) {
  rope.scaling = RopeScalingKind::kYarn;
  rope.original_max_position =
      keys.integer("rope.scaling.original_context_length").value_or(max_position);
  rope.beta_fast = keys.real("rope.scaling.yarn_beta_fast").value_or(32.0);
  rope.beta_slow = keys.real("rope.scaling.yarn_beta_slow").value_or(1.0);
  // yarn_attn_factor is the whole scale of attention; attn_factor multiplies the one that
  // follows from the factor.
  if (const auto whole = keys.real("rope.scaling.yarn_attn_factor")) {
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
bool read_longrope(const Keys& keys, std::int64_t max_position, std::int64_t dims,
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
  return true;
}

// The tensor of factors: the rule of Llama 3 where its numbers are those, the numbers otherwise.
void read_frequency_factors(const Keys& keys, std::int64_t dims, RopeConfig& rope) {
  const GgufReader& gguf = keys.gguf();
  std::vector<float> factors = read_factors(gguf, kGgufRopeFactors, dims);
  if (factors.empty()) return;
  RopeConfig hint = rope;
  hint.original_max_position =
      gguf.get_int(gguf_keys::kRopeOriginal)
          .value_or(keys.integer("rope.scaling.original_context_length").value_or(0));
  hint.low_freq_factor = widen(gguf.get_double(gguf_keys::kRopeLow).value_or(1.0));
  hint.high_freq_factor = widen(gguf.get_double(gguf_keys::kRopeHigh).value_or(4.0));
  const bool plain = rope.scaling == RopeScalingKind::kNone;
  if (auto rule = plain ? recognise_llama3(hint, factors) : std::nullopt) {
    rope = *std::move(rule);
  } else {
    rope.frequency_factors = std::move(factors);
  }
}

RopeConfig rope_of(const Keys& keys, std::int64_t max_position, std::int64_t dims) {
  RopeConfig rope;
  rope.theta = keys.real("rope.freq_base").value_or(10000.0);
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

bool has_tensor(const GgufReader& gguf, const TensorId& id) {
  return gguf.find_tensor(gguf_tensor_name(id)).has_value();
}

// Which layers the window holds for.
std::vector<bool> read_window_pattern(const Keys& keys, const Family& family, std::size_t layers) {
  std::vector<bool> windowed(layers, true);
  const std::string name = keys.key("attention.sliding_window_pattern");
  const GgufValue* pattern = keys.gguf().find(name);
  if (pattern == nullptr || pattern->type != GgufType::kArray) {
    // A period n: of n layers the last one sees everything.
    const std::int64_t period = keys.gguf().get_int(name).value_or(family.window_period);
    for (std::size_t layer = 0; layer < layers && period > 0; ++layer) {
      windowed[layer] = static_cast<std::int64_t>(layer) % period < period - 1;
    }
    return windowed;
  }
  if (pattern->count != layers ||
      (pattern->element != GgufType::kBool && pattern->element != GgufType::kU32 &&
       pattern->element != GgufType::kI32)) {
    fail_invalid("{}: {} is not one bool or integer per layer", quoted(keys.gguf().path()), name);
  }
  const std::size_t width = gguf_type_bytes(pattern->element);
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const auto element = pattern->data.subspan(layer * width, width);
    windowed[layer] = std::ranges::any_of(element, [](std::byte b) { return b != std::byte{0}; });
  }
  return windowed;
}

void read_windows(const Keys& keys, const Family& family, ModelConfig& config) {
  const std::int64_t window = keys.integer("attention.sliding_window").value_or(0);
  keys.key("attention.sliding_window_pattern");  // says nothing without a window
  if (window == 0) return;
  const auto windowed = read_window_pattern(keys, family, config.layers.size());
  for (std::size_t layer = 0; layer < windowed.size(); ++layer) {
    if (windowed[layer]) config.layers[layer].attention.window = window;
  }
}

// What layers with a window have for themselves.
void read_local_ropes(const Keys& keys, const Family& family, ModelConfig& config) {
  if (family.local_theta == 0.0) return;
  const double theta = keys.real("rope.freq_base_swa").value_or(family.local_theta);
  for (LayerConfig& layer : config.layers) {
    AttentionConfig& a = layer.attention;
    if (a.window > 0) a.rope = local_rope(family, a.rope, theta);
  }
}

void read_multipliers(const Keys& keys, const Family& family, ModelConfig& config) {
  if (!family.multipliers) return;
  config.embedding_scale = keys.real(gguf_keys::kEmbeddingScale).value_or(1.0);
  config.residual_scale = keys.real(gguf_keys::kResidualScale).value_or(1.0);
  config.logit_scale = 1.0 / keys.real(gguf_keys::kLogitDivisor).value_or(1.0);
  // These readers take the key for a switch of all rotation.
  if (!keys.gguf().get_bool(keys.key("rope.scaling.finetuned")).value_or(true)) {
    fail_unsupported("{}: {} is false, and so are positions: such are not supported",
                     quoted(keys.gguf().path()), keys.key("rope.scaling.finetuned"));
  }
}

// What holds for all layers.
LayerConfig read_layer(const Keys& keys, const Family& family, const ModelConfig& config) {
  const GgufReader& gguf = keys.gguf();
  LayerConfig layer;
  AttentionConfig& a = layer.attention;
  layer.mlp.width = keys.uniform("feed_forward_length").value_or(0);
  a.heads = keys.uniform("attention.head_count").value_or(0);
  if (a.heads < 1) {
    fail_invalid("{}: {} is missing or not positive", quoted(gguf.path()),
                 keys.key("attention.head_count"));
  }
  a.kv_heads = keys.uniform("attention.head_count_kv").value_or(a.heads);
  a.head_dim = head_dim_of(keys, config.hidden_size / a.heads);
  a.rotary_dims = rotary_dims_of(keys, family, a.head_dim);
  a.rope = rope_of(keys, config.max_position, a.rotary_dims);
  if (family.soft_caps) a.soft_cap = keys.real(gguf_keys::kAttentionCap).value_or(0.0);
  if (family.multipliers) a.scale = keys.real(gguf_keys::kAttentionScale).value_or(0.0);
  layer.mlp.activation = family.activation;
  a.qkv_bias = has_tensor(gguf, {TensorRole::kQuery, 0, true});
  a.output_bias = has_tensor(gguf, {TensorRole::kAttentionOutput, 0, true});
  layer.mlp.bias = has_tensor(gguf, {TensorRole::kUp, 0, true});
  return layer;
}

// Special ids are unsigned in the file; what programs write for "none" is the largest.
std::int64_t read_token_id(const GgufReader& gguf, std::string_view key, std::int64_t tokens) {
  const std::int64_t id = gguf.get_int(key).value_or(-1);
  if (id == -1 || id == 0xffffffff) return -1;
  if (id < 0 || id >= tokens) {
    fail_invalid("{}: {} is {}, but the vocabulary has {} tokens", quoted(gguf.path()), key, id,
                 tokens);
  }
  return id;
}

// Also of a file without a vocabulary; ids are checked against config.vocab_size.
void read_token_ids(const GgufReader& gguf, ModelConfig& config) {
  config.bos_token = read_token_id(gguf, gguf_keys::kBos, config.vocab_size);
  config.pad_token = read_token_id(gguf, gguf_keys::kPadding, config.vocab_size);
  if (const auto ids = gguf.get_ints(gguf_keys::kEosTokens)) {
    config.eos_tokens = *ids;
    return;
  }
  for (const char* key : {gguf_keys::kEos, gguf_keys::kEot, gguf_keys::kEom}) {
    const std::int64_t id = read_token_id(gguf, key, config.vocab_size);
    auto& eos = config.eos_tokens;
    if (id >= 0 && std::find(eos.begin(), eos.end(), id) == eos.end()) eos.push_back(id);
  }
}

void drop_padding(GgufVocabulary& vocabulary) {
  constexpr std::int32_t kUnused = 5;
  while (!vocabulary.tokens.empty() && vocabulary.types.size() == vocabulary.tokens.size() &&
         vocabulary.types.back() == kUnused &&
         vocabulary.tokens.back() == fmt::format("[PAD{}]", vocabulary.tokens.size() - 1)) {
    vocabulary.tokens.pop_back();
    vocabulary.types.pop_back();
    if (!vocabulary.scores.empty()) vocabulary.scores.pop_back();
  }
}

void check_lengths(const GgufReader& gguf, const GgufVocabulary& v) {
  const auto check = [&](std::string_view key, std::size_t count) {
    if (count != 0 && count != v.tokens.size()) {
      fail_invalid("{}: {} has {} elements for {} tokens", quoted(gguf.path()), key, count,
                   v.tokens.size());
    }
  };
  check(gguf_keys::kScores, v.scores.size());
  check(gguf_keys::kTokenTypes, v.types.size());
}

// Tokens and merges become JSON in other formats, which holds text only.
void check_text(const GgufReader& gguf, std::string_view key, const std::vector<std::string>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!is_valid_utf8(all[i])) {
      fail_invalid("{}: element {} of {} is not valid UTF-8: {}", quoted(gguf.path()), i, key,
                   quoted(all[i]));
    }
  }
}

}  // namespace

std::optional<GgufVocabulary> vocabulary_from_gguf(const GgufReader& gguf) {
  const auto model = gguf.get_string(gguf_keys::kTokenizerModel);
  if (!model || *model == "none" || *model == "no_vocab") return std::nullopt;
  GgufVocabulary v;
  v.model = *model;
  v.pre = gguf.get_string(gguf_keys::kTokenizerPre).value_or("");
  const auto tokens = gguf.get_strings(gguf_keys::kTokens);
  if (!tokens) fail_invalid("{}: {} is missing", quoted(gguf.path()), gguf_keys::kTokens);
  v.tokens.assign(tokens->begin(), tokens->end());
  if (auto scores = gguf.get_floats(gguf_keys::kScores)) v.scores = *std::move(scores);
  if (const auto types = gguf.get_ints(gguf_keys::kTokenTypes)) {
    for (const std::int64_t type : *types) {
      if (type < 0 || type > 6) {
        fail_invalid("{}: {} holds {}", quoted(gguf.path()), gguf_keys::kTokenTypes, type);
      }
      v.types.push_back(static_cast<std::int32_t>(type));
    }
  }
  if (const auto merges = gguf.get_strings(gguf_keys::kMerges)) {
    v.merges.assign(merges->begin(), merges->end());
  }
  check_lengths(gguf, v);
  check_text(gguf, gguf_keys::kTokens, v.tokens);
  check_text(gguf, gguf_keys::kMerges, v.merges);
  const auto count = static_cast<std::int64_t>(v.tokens.size());
  v.bos = read_token_id(gguf, gguf_keys::kBos, count);
  v.eos = read_token_id(gguf, gguf_keys::kEos, count);
  v.unknown = read_token_id(gguf, gguf_keys::kUnknown, count);
  v.pad = read_token_id(gguf, gguf_keys::kPadding, count);
  v.eot = read_token_id(gguf, gguf_keys::kEot, count);
  v.add_bos = gguf.get_bool(gguf_keys::kAddBos);
  v.add_eos = gguf.get_bool(gguf_keys::kAddEos);
  v.add_space_prefix = gguf.get_bool(gguf_keys::kAddSpacePrefix);
  v.no_default_ids = gguf.get_bool(gguf_keys::kNoDefaultIds).value_or(false);
  v.space_prefix = gguf.get_string(gguf_keys::kSpacePrefix).value_or("");
  v.chat_template = gguf.get_string(gguf_keys::kChatTemplate).value_or("");
  check_text(gguf, gguf_keys::kChatTemplate, {v.chat_template});
  drop_padding(v);
  return v;
}

// Families that share an architecture's name: our own key says which, else a window.
const Family& family_of(const Keys& keys, std::string_view architecture) {
  const GgufReader& gguf = keys.gguf();
  const bool windowed = keys.integer("attention.sliding_window").value_or(0) > 0;
  const Family* family = family_by_gguf(architecture, windowed);
  if (family == nullptr) {
    fail_unsupported("{}: architecture {} is not supported (supported: {})", quoted(gguf.path()),
                     quoted(architecture), supported_gguf());
  }
  const auto type = gguf.get_string(gguf_keys::kModelType);
  if (!type) return *family;
  const Family* named = family_by_type(*type);
  if (named == nullptr || named->gguf != architecture) {
    fail_invalid("{}: {} does not belong to architecture {}", quoted(gguf.path()),
                 gguf_keys::kModelType, quoted(architecture));
  }
  return *named;
}

ModelConfig config_from_gguf(const GgufReader& gguf) {
  const std::string_view architecture = gguf.require_string("general.architecture");
  const Keys keys(gguf, architecture);
  const Family& family = family_of(keys, architecture);
  if (keys.integer("expert_count").value_or(0) > 0) {
    fail_unsupported("{}: mixtures of experts are not supported", quoted(gguf.path()));
  }
  if (!gguf.get_bool(keys.key("attention.causal")).value_or(true)) {
    fail_unsupported("{}: attention to what follows (attention.causal is false) is not supported",
                     quoted(gguf.path()));
  }
  ModelConfig config;
  config.family = family.type;
  config.name = gguf.get_string("general.name").value_or("");
  constexpr std::int64_t kMost = std::int64_t{1} << 31;  // validate() has the real bounds
  const std::int64_t layers = keys.require("block_count", 1, 4096);
  config.hidden_size = keys.require("embedding_length", 1, kMost);
  config.max_position = keys.require("context_length", 1, kMost);
  const auto eps = keys.real("attention.layer_norm_rms_epsilon");
  config.layers.assign(static_cast<std::size_t>(layers), read_layer(keys, family, config));
  if (!eps) {
    fail_invalid("{}: {} is missing", quoted(gguf.path()),
                 keys.key("attention.layer_norm_rms_epsilon"));
  }
  config.rms_norm_eps = *eps;
  read_windows(keys, family, config);
  read_local_ropes(keys, family, config);
  if (family.soft_caps) config.logit_soft_cap = keys.real(gguf_keys::kLogitCap).value_or(0.0);
  read_multipliers(keys, family, config);
  apply_family(family, config);
  apply_gguf_rules(family, config);

  const std::string embedding_name = gguf_tensor_name({TensorRole::kEmbedding});
  const auto embedding = gguf.find_tensor(embedding_name);
  if (!embedding) {
    fail_invalid("{}: the tensor {} is missing", quoted(gguf.path()), quoted(embedding_name));
  }
  const TensorEntry& entry = gguf.tensors()[*embedding];
  config.vocab_size = entry.shape.empty() ? 0 : entry.shape.front();
  config.tie_word_embeddings = !has_tensor(gguf, {TensorRole::kHead});
  read_token_ids(gguf, config);

  refuse_unread_keys(gguf, architecture, keys.asked());
  validate(config, gguf.path());
  return config;
}

ModelConfig token_config_from_gguf(const GgufReader& gguf, const GgufVocabulary* vocabulary) {
  ModelConfig config;
  config.family = gguf.get_string("general.architecture").value_or("");
  config.name = gguf.get_string("general.name").value_or("");
  if (vocabulary != nullptr) {
    config.vocab_size = static_cast<std::int64_t>(vocabulary->tokens.size());
  }
  read_token_ids(gguf, config);
  return config;
}

}  // namespace lathe
