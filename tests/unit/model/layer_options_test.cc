// Each field of a configuration that changes the computation, against the definition: whole, in
// pieces, and beside another sequence.
#include <gtest/gtest.h>

#include "lathe/model.h"
#include "lathe/session.h"

#include "reference_forward.h"
#include "support/random_checkpoint.h"

namespace lathe {
namespace {

struct Option {
  const char* name;
  void (*set)(ModelConfig& config);
};

void PrintTo(const Option& option, std::ostream* out) { *out << option.name; }

template <void (*change)(LayerConfig&)>
void in_each_layer(ModelConfig& config) {
  each_layer(config, change);
}

const Option kOptions[] = {
    {"nothing", [](ModelConfig&) {}},
    {"tied", [](ModelConfig& c) { c.tie_word_embeddings = true; }},
    {"biases", in_each_layer<[](LayerConfig& l) {
       l.attention.qkv_bias = l.attention.output_bias = l.mlp.bias = true;
     }>},
    {"windows_of_every_second_layer", [](ModelConfig& c) { c.layers[1].attention.window = 5; }},
    {"windows_of_two_sizes",
     [](ModelConfig& c) {
       c.layers[0].attention.window = 11;
       c.layers[1].attention.window = 5;
     }},
    {"rotation_of_a_part", in_each_layer<[](LayerConfig& l) { l.attention.rotary_dims = 4; }>},
    {"rotation_of_every_second_layer",
     [](ModelConfig& c) { c.layers[1].attention.rotary_dims = 0; }},
    {"two_thetas", [](ModelConfig& c) { c.layers[1].attention.rope.theta = 100.0; }},
    {"attention_scale", in_each_layer<[](LayerConfig& l) { l.attention.scale = 0.9; }>},
    {"soft_cap_of_attention", in_each_layer<[](LayerConfig& l) { l.attention.soft_cap = 0.4; }>},
    {"soft_cap_of_logits", [](ModelConfig& c) { c.logit_soft_cap = 0.8; }},
    {"temperature_by_position", in_each_layer<[](LayerConfig& l) {
       l.attention.temperature = 0.7;
       l.attention.temperature_span = 4;
     }>},
    {"norm_of_each_head_that_has_turned", in_each_layer<[](LayerConfig& l) {
       l.attention.qk_norm = QkNorm::kPerHead;
       l.attention.norm_turned = true;
     }>},
    {"norm_of_each_head",
     in_each_layer<[](LayerConfig& l) { l.attention.qk_norm = QkNorm::kPerHead; }>},
    {"norm_of_all_heads",
     in_each_layer<[](LayerConfig& l) { l.attention.qk_norm = QkNorm::kWhole; }>},
    {"norms_around", in_each_layer<[](LayerConfig& l) { l.norms = NormPlace::kAround; }>},
    {"norms_after", in_each_layer<[](LayerConfig& l) { l.norms = NormPlace::kAfter; }>},
    {"gelu", in_each_layer<[](LayerConfig& l) { l.mlp.activation = Activation::kGeluTanh; }>},
    {"relu2_gated", in_each_layer<[](LayerConfig& l) { l.mlp.activation = Activation::kRelu2; }>},
    {"relu2_without_gate", in_each_layer<[](LayerConfig& l) {
       l.mlp.activation = Activation::kRelu2;
       l.mlp.gated = false;
       l.mlp.bias = true;
     }>},
    {"gelu_without_gate", in_each_layer<[](LayerConfig& l) {
       l.mlp.activation = Activation::kGeluTanh;
       l.mlp.gated = false;
     }>},
    {"clamped", in_each_layer<[](LayerConfig& l) {
       l.mlp.activation = Activation::kClampedSwiglu;
       l.mlp.bias = true;
     }>},
    {"sinks", in_each_layer<[](LayerConfig& l) { l.attention.sinks = true; }>},
    {"experts", in_each_layer<[](LayerConfig& l) { l.experts = {.count = 5, .used = 2}; }>},
    {"experts_in_every_second_layer",
     [](ModelConfig& c) {
       c.layers[1].experts = {.count = 4, .used = 3};
       c.layers[1].mlp.width = 18;
     }},
    {"experts_whose_weights_are_less_than_one", in_each_layer<[](LayerConfig& l) {
       l.experts = {.count = 5, .used = 2, .normalized = false};
     }>},
    {"experts_with_biases", in_each_layer<[](LayerConfig& l) {
       l.experts = {.count = 20, .used = 4, .router_bias = true};
       l.mlp.bias = true;
     }>},
    {"experts_chosen_by_a_bias", in_each_layer<[](LayerConfig& l) {
       l.experts = {.count = 6, .used = 2, .selection_bias = true};
     }>},
    {"experts_beside_a_shared_one", in_each_layer<[](LayerConfig& l) {
       l.experts = {.count = 4, .used = 1, .shared_width = 30};
     }>},
    {"experts_beside_a_shared_one_with_a_switch", in_each_layer<[](LayerConfig& l) {
       l.experts = {.count = 4, .used = 4, .shared_width = 12, .shared_gated = true};
     }>},
    {"embedding_scale", [](ModelConfig& c) { c.embedding_scale = 4.9; }},
    {"residual_scale", [](ModelConfig& c) { c.residual_scale = 0.22; }},
    {"logit_scale", [](ModelConfig& c) { c.logit_scale = 0.125; }},
    {"heads_and_widths_by_layer",
     [](ModelConfig& c) {
       c.layers[1].attention.kv_heads = 1;
       c.layers[1].attention.head_dim = c.layers[1].attention.rotary_dims = 10;
       c.layers[1].mlp.width = 56;
     }},
};

class LayerOptions : public testing::TestWithParam<Option> {
 protected:
  static std::vector<TokenId> tokens(std::size_t count) {
    std::mt19937 random(8);
    std::vector<TokenId> out(count);
    for (TokenId& id : out) id = static_cast<TokenId>(random() % 50);
    return out;
  }
};

TEST_P(LayerOptions, AgreeWithTheDefinition) {
  ModelConfig config = small_config();
  GetParam().set(config);
  validate(config, "m");
  const std::shared_ptr<const Checkpoint> checkpoint = random_checkpoint(config);
  const auto model = Model::load(checkpoint);
  const auto text = tokens(30);
  const auto want = test::ReferenceForward(checkpoint).logits(text);
  for (const std::int64_t chunk : {512, 7}) {
    const auto session =
        Session::create(model, {.threads = 2, .kv_type = KvType::kF32, .chunk = chunk});
    const SequenceId other = session->add();
    const SequenceId mine = session->add();
    const std::vector<SequenceInput> inputs = {{other, std::span(text).first(3), false},
                                               {mine, text, true}};
    const auto logits = session->forward(inputs);
    ASSERT_EQ(logits.size(), 31U * 50U);
    for (std::size_t t = 0; t < text.size(); ++t) {
      for (std::size_t i = 0; i < 50; ++i) {
        ASSERT_NEAR(logits[(t + 1) * 50 + i], want[t][i], 2e-5) << t << " " << i;
      }
    }
    for (std::size_t i = 0; i < 50; ++i) ASSERT_NEAR(logits[i], want[2][i], 2e-5) << i;
  }
}

// A field that nobody looks at would pass the test above.
TEST_P(LayerOptions, ChangeTheLogits) {
  if (std::string(GetParam().name) == "nothing") GTEST_SKIP();
  ModelConfig config = small_config();
  const auto text = tokens(30);
  const auto plain = test::ReferenceForward(random_checkpoint(config)).logits(text);
  GetParam().set(config);
  const auto changed = test::ReferenceForward(random_checkpoint(config)).logits(text);
  double most = 0.0;
  for (std::size_t i = 0; i < 50; ++i) {
    most = std::max(most, std::abs(plain.back()[i] - changed.back()[i]));
  }
  EXPECT_GT(most, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Each, LayerOptions, testing::ValuesIn(kOptions),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace lathe
