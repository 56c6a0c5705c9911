// A quantized model's logits are the same bits for every kernel table, thread count, batch,
// cut of the prompt and neighbour, for each type of weights and of KV cache.
//
// Everything is compared with one run: plain kernels, one thread, token by token.
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lathe/model.h"
#include "lathe/session.h"

#include "kernels/select.h"
#include "support/aligned_bytes.h"
#include "support/block_scales.h"
#include "support/pack_nearest.h"
#include "support/packed_schemes.h"
#include "support/random_checkpoint.h"
#include "tensor/packed_layout.h"

namespace lathe {
namespace {

constexpr std::int64_t kPrompt = 150;  // two pages and a part

ModelConfig config_of(std::int64_t hidden) {
  ModelConfig c = small_config();
  c.hidden_size = hidden;
  c.max_position = 3000;
  each_layer(c, [&](LayerConfig& layer) {
    layer.attention.heads = 8;
    layer.attention.kv_heads = 2;
    layer.attention.head_dim = layer.attention.rotary_dims = hidden / 8;
    layer.mlp.width = hidden + hidden % 256;  // 192 for 128
  });
  return c;
}

// Everything of the arithmetic that small_config() does without.
ModelConfig with_all_options(ModelConfig c) {
  c.embedding_scale = 3.5;
  c.logit_soft_cap = 2.0;
  each_layer(c, [](LayerConfig& layer) {
    layer.norms = NormPlace::kAround;
    layer.attention.soft_cap = 1.5;
    layer.attention.scale = 0.4;
    layer.attention.qk_norm = QkNorm::kPerHead;
    layer.attention.temperature = 0.3;
    layer.attention.temperature_span = 40;
    layer.mlp.activation = Activation::kGeluTanh;
  });
  c.layers[1].attention.window = 70;
  c.layers[1].attention.rope.theta = 500.0;
  return c;
}

// A mixture: many small experts beside a shared one, sinks, and the clamped activation.
ModelConfig with_experts(ModelConfig c) {
  each_layer(c, [](LayerConfig& layer) {
    layer.attention.sinks = true;
    layer.mlp.activation = Activation::kClampedSwiglu;
    layer.mlp.width = 64;
    layer.mlp.bias = true;
    layer.experts = {
        .count = 20, .used = 3, .router_bias = true, .shared_width = 96, .shared_gated = true};
  });
  c.layers[1].experts.selection_bias = true;
  c.layers[1].experts.normalized = false;
  return c;
}

// A random checkpoint whose matrices are what `change` makes of each.
template <typename Change>
std::shared_ptr<const Model> changed_model(const ModelConfig& config, Change change) {
  MemoryCheckpoint checkpoint = random_checkpoint(config);
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    if (info.shape.size() == 2 && info.id.role != TensorRole::kRouter) change(checkpoint, i);
  }
  return Model::load(checkpoint);
}

std::shared_ptr<const Model> packed_model(const PackedScheme& scheme,
                                          const ModelConfig& config = config_of(128)) {
  return changed_model(config, [&](MemoryCheckpoint& checkpoint, std::size_t i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    test::AlignedBytes packed(*packed_bytes(scheme, info.rows(), info.cols()));
    test::pack_nearest(scheme, reinterpret_cast<const float*>(checkpoint.bytes(i).data()),
                       info.rows(), info.cols(), test::kSomeGrid, packed.bytes);
    checkpoint.replace(i, DType::kPacked, packed.bytes);
  });
}

// Blocks of random numbers with scales of 2^-10 to 2^-9.
std::shared_ptr<const Model> block_model(DType dtype) {
  std::mt19937 generator(10);
  return changed_model(
      config_of(dtype_info(dtype).block < 256 ? 128 : 256),
      [&](MemoryCheckpoint& checkpoint, std::size_t i) {
        const TensorInfo& info = checkpoint.tensors()[i];
        const auto elements = static_cast<std::uint64_t>(info.rows() * info.cols());
        std::vector<std::byte> blocks(*dtype_bytes(dtype, elements));
        for (std::byte& b : blocks) b = static_cast<std::byte>(generator());
        const auto block = static_cast<std::size_t>(dtype_info(dtype).bytes);
        for (std::size_t at = 0; at < blocks.size(); at += block) {
          for (const std::size_t which : {0, 1}) {
            const auto half =
                static_cast<std::uint16_t>(0x1400u | static_cast<unsigned>(blocks[at]));
            test::set_block_scale(dtype, blocks.data() + at, half, which);
          }
        }
        checkpoint.replace(i, dtype, blocks);
      });
}

std::vector<TokenId> some_tokens(std::size_t count) {
  std::mt19937 random(8);
  std::vector<TokenId> out(count);
  for (TokenId& id : out) id = static_cast<TokenId>(random() % 50);
  return out;
}

// Logits of every position, as the reference computes them.
std::vector<float> token_by_token(const std::shared_ptr<const Model>& model, KvType kv,
                                  std::span<const TokenId> tokens) {
  use_kernels(*available_kernels()[0]);
  const auto session = Session::create(model, {.threads = 1, .kv_type = kv});
  const SequenceId s = session->add();
  std::vector<float> out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const SequenceInput input = {s, tokens.subspan(i, 1), false};
    const auto row = session->forward({&input, 1});
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

bool same(std::span<const float> got, std::span<const float> want) {
  return got.size() == want.size() &&
         std::memcmp(got.data(), want.data(), got.size() * sizeof(float)) == 0;
}

// The plain kernels are slow: they are tried less.
bool is_plain(const KernelTable* table) { return table == available_kernels().front(); }

struct Kind {
  const char* name;
  std::shared_ptr<const Model> (*make)();
};

const Kind kKinds[] = {
    {"w4g64",
     [] {
       return packed_model({4, 64, ScaleForm::kHalf, false, false});
     }},
    {"w4g64a",
     [] {
       return packed_model({4, 64, ScaleForm::kHalf, true, false});
     }},
    {"w4nlg32d",
     [] {
       return packed_model({4, 32, ScaleForm::kTwoLevel, false, true});
     }},
    {"w8r",
     [] {
       return packed_model({8, 0, ScaleForm::kHalf, false, false});
     }},
    {"w8g32x",
     [] {
       return packed_model({8, 32, ScaleForm::kHalf, false, false, true});
     }},
    {"w6g32d",
     [] {
       return packed_model({6, 32, ScaleForm::kTwoLevel, false, false});
     }},
    {"w5g32d",
     [] {
       return packed_model({5, 32, ScaleForm::kTwoLevel, false, false});
     }},
    {"w4g64_with_all_options",
     [] {
       return packed_model({4, 64, ScaleForm::kHalf, false, false},
                           with_all_options(config_of(128)));
     }},
    {"w4g64_mixture",
     [] {
       return packed_model({4, 64, ScaleForm::kHalf, false, false}, with_experts(config_of(128)));
     }},
    {"w8_mixture",
     [] {
       return packed_model({8, 0, ScaleForm::kHalf, false, false}, with_experts(config_of(128)));
     }},
    {"Q4_0", [] { return block_model(DType::kQ4_0); }},
    {"Q4_K", [] { return block_model(DType::kQ4_K); }},
    {"Q6_K", [] { return block_model(DType::kQ6_K); }},
    {"Q2_K", [] { return block_model(DType::kQ2_K); }},
    {"IQ4_XS", [] { return block_model(DType::kIQ4_XS); }},
    {"IQ2_S", [] { return block_model(DType::kIQ2_S); }},
    {"MXFP4", [] { return block_model(DType::kMXFP4); }},
};

class SameBits : public testing::TestWithParam<Kind> {
 protected:
  void TearDown() override { use_kernels(*available_kernels().back()); }
};

// Prompts in one piece or several, then `batch` sequences of different lengths in one step.
void expect_same(Session& session, std::span<const TokenId> tokens, const std::vector<float>& want,
                 const std::string& what) {
  const auto vocab = static_cast<std::size_t>(session.model().config().vocab_size);
  const SequenceId whole = session.add();
  const SequenceInput prompt = {whole, tokens, true};
  ASSERT_TRUE(same(session.forward({&prompt, 1}), want)) << what << ", the prompt";
  for (const std::size_t batch : {1U, 2U, 7U, 32U}) {
    std::vector<SequenceInput> inputs;
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < batch; ++i) {
      // The positions of the last steps, and page borders among them.
      lengths.push_back(batch < 32 ? tokens.size() - 1 - i * 21 : 50 + i * 3);
      const SequenceId s = session.fork(whole, static_cast<std::int64_t>(lengths.back()));
      // One of them brings a piece of prompt.
      const std::size_t count = i == 3 ? 5 : 1;
      inputs.push_back({s, tokens.subspan(lengths.back(), count), false});
      lengths.back() += count - 1;
    }
    const auto got = session.forward(inputs);
    for (std::size_t i = 0; i < batch; ++i) {
      ASSERT_TRUE(
          same(got.subspan(i * vocab, vocab), std::span(want).subspan(lengths[i] * vocab, vocab)))
          << what << ", batch " << batch << ", sequence " << i;
      session.drop(inputs[i].sequence);
    }
  }
  session.drop(whole);
}

TEST_P(SameBits, ForEveryTableThreadCountBatchAndCut) {
  const auto model = GetParam().make();
  const auto tokens = some_tokens(kPrompt);
  for (const KvType kv :
       {KvType::kF16, KvType::kF32, KvType::kInt8, KvType::kK8V4, KvType::kInt4}) {
    // Weights and cache meet nowhere: the wide models try one type.
    if (kv != KvType::kF16 && model->config().hidden_size > 128) continue;
    const std::vector<float> want = token_by_token(model, kv, tokens);
    for (const float x : want) ASSERT_TRUE(std::isfinite(x));
    for (const KernelTable* table : available_kernels()) {
      use_kernels(*table);
      for (const int threads : {1, 2, 3, 8}) {
        // The plain kernels are slow: two thread counts cut the prompt, two do not.
        for (const std::int64_t chunk : {512, 37}) {
          if (is_plain(table) && (chunk == 37) != (threads % 2 == 1)) continue;
          const auto session =
              Session::create(model, {.threads = threads, .kv_type = kv, .chunk = chunk});
          expect_same(*session, tokens, want,
                      std::string(table->name) + ", KV type " +
                          std::to_string(static_cast<int>(kv)) + ", " + std::to_string(threads) +
                          " threads, pieces of " + std::to_string(chunk));
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, SameBits, testing::ValuesIn(kKinds),
                         [](const auto& info) { return std::string(info.param.name); });

// Far enough for a context to be shared between threads.
TEST(SameBitsFarIn, ForEveryTableAndThreadCount) {
  const auto model = kKinds[0].make();
  const auto tokens = some_tokens(1100);
  for (const KvType kv : {KvType::kF16, KvType::kInt8, KvType::kInt4}) {
    std::vector<float> want;
    for (const KernelTable* table : available_kernels()) {
      use_kernels(*table);
      for (const int threads : {1, 2, 3, 8}) {
        if (is_plain(table) && threads != 3) continue;
        const auto session = Session::create(model, {.threads = threads, .kv_type = kv});
        const SequenceId s = session->add();
        std::vector<float> got;
        for (const auto& [from, count] : {std::pair(0, 1098), {1098, 1}, {1099, 1}}) {
          const SequenceInput input = {s,
                                       std::span(tokens).subspan(static_cast<std::size_t>(from),
                                                                 static_cast<std::size_t>(count)),
                                       false};
          const auto row = session->forward({&input, 1});
          got.insert(got.end(), row.begin(), row.end());
        }
        if (want.empty()) want = got;
        EXPECT_TRUE(same(got, want)) << table->name << " " << threads;
      }
    }
  }
  use_kernels(*available_kernels().back());
}

}  // namespace
}  // namespace lathe
