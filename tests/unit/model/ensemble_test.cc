// Models that several processes compute together: the bits of one process, for every family, for
// any number of processes, whatever is asked of a session; and what is said when one of them fails.
#include "lathe/ensemble.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "lathe/convert.h"
#include "lathe/error.h"
#include "lathe/lora.h"
#include "lathe/model.h"
#include "lathe/model_config.h"
#include "lathe/quantize.h"
#include "lathe/session.h"

#include "model/own_rows.h"
#include "model/session_pages.h"
#include "model/weights.h"
#include "parallel/thread_pool.h"
#include "support/paths.h"
#include "support/random_checkpoint.h"
#include "support/temp_folder.h"
#include "support/thread_ensemble.h"

namespace lathe {
namespace {

struct How {
  LoadOptions load = {};
  KvType kv = KvType::kF16;
  std::shared_ptr<const LoraAdapter> adapter = nullptr;
  bool by_layers = false;
};

std::vector<TokenId> some_tokens(std::size_t count, std::int64_t vocabulary) {
  std::mt19937 random(5);
  std::vector<TokenId> out(count);
  for (TokenId& id : out) {
    id = static_cast<TokenId>(random() % static_cast<std::uint32_t>(vocabulary));
  }
  return out;
}

// Everything that can be asked of a session: prompts in pieces, single tokens, several sequences in
// a step, forks, sequences that are cut and dropped, all logits, hidden states.
std::vector<float> answers_of(const std::string& path, const How& how) {
  const auto model = Model::load(Checkpoint::open(path), how.adapter, how.load);
  const auto session =
      Session::create(model, {.threads = 1, .kv_type = how.kv, .max_tokens = 900, .chunk = 48});
  const auto tokens = some_tokens(120, model->config().vocab_size);
  const std::span<const TokenId> all = tokens;
  std::vector<float> out;
  const auto keep = [&out](std::span<const float> rows) {
    out.insert(out.end(), rows.begin(), rows.end());
  };
  const auto step = [&](const std::vector<SequenceInput>& inputs) {
    keep(session->forward(inputs));
  };
  const SequenceId a = session->add();
  step({{a, all.first(100), false}});
  step({{a, all.subspan(100, 1), false}});
  const SequenceId b = session->fork(a, 70);
  const SequenceId c = session->add();
  step(
      {{b, all.subspan(3, 2), true}, {a, all.subspan(9, 1), false}, {c, all.subspan(50, 7), true}});
  session->truncate(a, 65);
  session->drop(b);
  const SequenceId d = session->add();
  step({{d, all.subspan(20, 3), false}, {a, all.subspan(30, 1), true}});
  for (const std::int64_t layer : {0, 1, -1}) {
    const SequenceInput input = {c, all.subspan(60, 4), true};
    keep(session->hidden_states({&input, 1}, layer));
  }
  return out;
}

void expect_same(const std::string& path, const How& how, std::initializer_list<int> sizes) {
  const std::vector<float> alone = answers_of(path, how);
  for (const int size : sizes) {
    const test::ThreadEnsemble ensemble(size);
    How together = how;
    together.load.ensemble = ensemble.first();
    if (how.by_layers) ensemble.first()->share_layers();
    const std::vector<float> got = answers_of(path, together);
    ASSERT_EQ(got.size(), alone.size());
    EXPECT_EQ(std::memcmp(got.data(), alone.data(), got.size() * sizeof(float)), 0)
        << path << " by " << size;
  }
}

std::string quantized(const test::TempFolder& folder, const Checkpoint& checkpoint,
                      const std::string& scheme) {
  QuantizeOptions options;
  options.scheme = scheme;
  options.threads = 1;
  options.overwrite = true;
  options.requantize = true;  // gpt-oss comes in MXFP4
  quantize(checkpoint, folder.file(scheme + ".lathe"), options);
  return folder.file(scheme + ".lathe");
}

std::vector<std::string> golden_models() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(testdata("golden/models"))) {
    out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class EveryFamily : public testing::TestWithParam<std::string> {};

TEST_P(EveryFamily, HasTheBitsOfOneProcess) {
  const std::string path = testdata("golden/models/") + GetParam();
  expect_same(path, {.kv = KvType::kF32}, {2, 3});
  const test::TempFolder folder;
  const std::string packed = quantized(folder, *Checkpoint::open(path), "w8r");
  expect_same(packed, {}, {2, 3, 5});
  if (Checkpoint::open(path)->config().num_layers() == 1) return;
  expect_same(path, {.kv = KvType::kF32, .by_layers = true}, {2});
  expect_same(packed, {.by_layers = true}, {2});
}

INSTANTIATE_TEST_SUITE_P(Families, EveryFamily, testing::ValuesIn(golden_models()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Sizes with which every process has something of everything.
ModelConfig larger_config() {
  ModelConfig c = small_config();
  c.vocab_size = 500;
  c.hidden_size = 256;
  c.tie_word_embeddings = true;
  each_layer(c, [](LayerConfig& layer) {
    layer.attention.heads = 8;
    layer.attention.kv_heads = 2;
    layer.attention.head_dim = layer.attention.rotary_dims = 32;
    layer.mlp.width = 384;
  });
  return c;
}

class EnsembleTest : public testing::Test {
 protected:
  std::string file(const std::string& scheme) {
    return quantized(folder_, random_checkpoint(config_), scheme);
  }

  ModelConfig config_ = larger_config();
  const test::TempFolder folder_;
};

TEST_F(EnsembleTest, AnyNumberOfProcessesHasTheBitsOfOne) {
  expect_same(file("w4"), {}, {2, 3, 4, 7, 9});
}

TEST_F(EnsembleTest, AllWaysToKeepKeysAndWeights) {
  const std::string w4 = file("w4");
  expect_same(w4, {.kv = KvType::kInt8}, {3});
  expect_same(w4, {.load = {.in_memory = true}}, {2, 3});
  expect_same(file("q4_k_m"), {}, {2, 3});  // re-expressed when it is loaded
  ConvertOptions halves;
  halves.dtype = DType::kF16;
  convert(random_checkpoint(config_), folder_.file("f16.gguf"), halves);
  expect_same(folder_.file("f16.gguf"), {.load = {.in_memory = true}}, {2, 3});
}

TEST_F(EnsembleTest, NormsOfAllHeadsAndMixtures) {
  config_.family = "olmoe";
  config_.tie_word_embeddings = false;
  each_layer(config_, [](LayerConfig& layer) {
    layer.attention.qk_norm = QkNorm::kWhole;
    layer.experts = {.count = 20, .used = 3};
  });
  expect_same(file("w4"), {}, {2, 3, 5});
}

TEST_F(EnsembleTest, SharedExpertsAndBiases) {
  config_.family = "qwen2_moe";
  config_.tie_word_embeddings = false;
  each_layer(config_, [](LayerConfig& layer) {
    layer.attention.qkv_bias = true;
    layer.experts = {.count = 20, .used = 3, .shared_width = 192, .shared_gated = true};
  });
  expect_same(file("w4"), {}, {2, 3, 5});
}

TEST_F(EnsembleTest, AnAdapterBesideTheWeights) {
  const auto base = Checkpoint::open(testdata("golden/models/llama-plain"));
  for (const auto& entry : std::filesystem::directory_iterator(testdata("golden/lora"))) {
    const std::string expected = test::TempFolder::read(entry.path() / "expected.json");
    if (expected.find("llama-plain") == std::string::npos) continue;
    const auto adapter = LoraAdapter::open(entry.path());
    // An adapter of the embedding must be merged.
    if (std::ranges::any_of(adapter->pairs(), [](const auto& p) { return p.second.embedding; })) {
      continue;
    }
    expect_same(testdata("golden/models/llama-plain"), {.adapter = adapter}, {2, 3});
  }
}

TEST_F(EnsembleTest, EachRowIsSomebodysAndHeadsStayWhole) {
  const auto checkpoint = Checkpoint::open(file("w4"));
  EXPECT_EQ(grain_of(*checkpoint), kQuantizedGrain);
  for (const TensorInfo& info : checkpoint->tensors()) {
    if (!is_multiplied(info)) continue;
    const bool of_heads = info.id.role == TensorRole::kQuery || info.id.role == TensorRole::kKey ||
                          info.id.role == TensorRole::kValue;
    for (const int size : {1, 2, 3, 4, 8}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Range rows = own_rows(info, checkpoint->config(), kQuantizedGrain, {rank, size});
        EXPECT_LE(rows.first, next);
        EXPECT_TRUE(of_heads || rows.first == next);
        EXPECT_EQ(rows.first % (of_heads ? 32 : 16), 0);
        next = std::max(next, rows.last);
        // Nobody has much more than the others.
        EXPECT_TRUE(of_heads || rows.size() <= (info.rows() + size - 1) / size + 16);
      }
      EXPECT_EQ(next, info.rows()) << info.name << " by " << size;
    }
  }
}

TEST_F(EnsembleTest, EachProcessReadsItsOwnRowsAlone) {
  convert(random_checkpoint(config_), folder_.file("f32.lathe"), {});
  ThreadPool pool(1);
  for (const std::string& path : {file("w4"), folder_.file("f32.lathe")}) {
    const auto checkpoint = Checkpoint::open(path);
    std::uint64_t all = 0;
    std::uint64_t most = 0;
    constexpr int kProcesses = 2;
    for (int rank = 0; rank < kProcesses; ++rank) {
      const Weights weights = load_weights(*checkpoint, nullptr, pool, {rank, kProcesses});
      std::uint64_t bytes = 0;
      const auto add = [&](const Linear& linear) {
        for (const auto piece : linear.memory()) bytes += piece.size();
      };
      add(*weights.embedding);
      for (const LayerWeights& w : weights.layers) {
        for (const auto* linear : {&w.q, &w.k, &w.v, &w.o, &w.mlp.gate, &w.mlp.up, &w.mlp.down}) {
          add(**linear);
        }
      }
      all += bytes;
      most = std::max(most, bytes);
    }
    // Heads stay whole and rows are cut where kernels' blocks end: some rows are in both.
    std::uint64_t stored = 0, owned = 0;
    for (const TensorInfo& info : checkpoint->tensors()) {
      if (!is_multiplied(info)) continue;
      stored += info.bytes;
      for (int rank = 0; rank < kProcesses; ++rank) {
        const Range rows =
            own_rows(info, checkpoint->config(), grain_of(*checkpoint), {rank, kProcesses});
        owned += info.bytes / static_cast<std::uint64_t>(info.rows()) *
                 static_cast<std::uint64_t>(rows.size());
      }
    }
    // But for headers and padding.
    EXPECT_LE(all, owned + stored / 50);
    EXPECT_GE(all, stored - stored / 50);
    EXPECT_LE(most, stored * 6 / 10);
  }
}

TEST_F(EnsembleTest, LayersMayBeSharedOutInPlaceOfRows) {
  config_.layers.resize(5, config_.layers.front());
  const std::string path = file("w4");
  expect_same(path, {.by_layers = true}, {2, 3, 5});
  expect_same(path, {.load = {.in_memory = true}, .kv = KvType::kInt8, .by_layers = true}, {3});
  const auto checkpoint = Checkpoint::open(path);
  for (const int size : {1, 2, 3, 5}) {
    std::int64_t next = 0;
    for (const Range layers : layers_by_process(*checkpoint, size)) {
      EXPECT_EQ(layers.first, next);
      EXPECT_GT(layers.size(), 0);
      next = layers.last;
    }
    EXPECT_EQ(next, 5);
  }

  const auto alone = Model::load(checkpoint);
  const test::ThreadEnsemble two(2);
  two.first()->share_layers();
  const auto model = Model::load(checkpoint, nullptr, {.ensemble = two.first()});
  EXPECT_EQ(model->parameters(), alone->parameters());
  EXPECT_EQ(model->token_bytes(), alone->token_bytes());
  EXPECT_LT(model->weight_bytes(), alone->weight_bytes() * 2 / 3);
  EXPECT_GT(model->weight_bytes(), alone->weight_bytes() / 3);
  const auto layers = static_cast<std::uint64_t>(layers_by_process(*checkpoint, 2)[0].size());
  EXPECT_EQ(kv_layout(*model, KvType::kF16).page_bytes * 5,
            kv_layout(*alone, KvType::kF16).page_bytes * layers);
}

TEST_F(EnsembleTest, WeightsKeysAndValuesAreSharedOut) {
  const auto alone = Model::load(Checkpoint::open(file("w4")));
  const test::ThreadEnsemble two(2);
  const auto model = Model::load(Checkpoint::open(file("w4")), nullptr, {.ensemble = two.first()});
  EXPECT_EQ(kv_layout(*model, KvType::kF16).page_bytes * 2,
            kv_layout(*alone, KvType::kF16).page_bytes);
  EXPECT_LT(model->weight_bytes(), alone->weight_bytes() * 6 / 10);
  EXPECT_GT(model->weight_bytes(), alone->weight_bytes() * 4 / 10);
}

// What an Error says, and its code; "" where there is none.
template <typename Call>
std::string sentence_of(Call&& call, ErrorCode* code) {
  try {
    call();
  } catch (const Error& error) {
    *code = error.code();
    return error.message();
  }
  return "";
}

// Positions beyond the windows of some layers, which not every process has: all let go of them, and
// process 0 refuses what any of them can no longer do.
TEST_F(EnsembleTest, WindowsOfSomeLayersAreOnesOfAllProcesses) {
  config_.family = "qwen2";
  config_.max_position = 2000;
  each_layer(config_, [](LayerConfig& layer) { layer.attention.qkv_bias = true; });
  config_.layers.resize(3, config_.layers.front());
  const auto text = some_tokens(700, config_.vocab_size);
  const std::span<const TokenId> all = text;
  for (const std::size_t windowed : {0, 1, 2}) {
    each_layer(config_, [](LayerConfig& layer) { layer.attention.window = 0; });
    config_.layers[windowed].attention.window = 64;
    const auto checkpoint = Checkpoint::open(file("w4"));
    std::vector<float> alone;
    for (const int size : {1, 2, 3}) {
      const test::ThreadEnsemble ensemble(size);
      ensemble.first()->share_layers();
      LoadOptions load;
      if (size > 1) load.ensemble = ensemble.first();
      const auto session = Session::create(Model::load(checkpoint, nullptr, load),
                                           {.threads = 1, .max_tokens = 2000, .chunk = 64});
      const SequenceId a = session->add();
      const SequenceInput prompt = {a, all, false};
      session->forward({&prompt, 1});
      ErrorCode code = ErrorCode::kBug;
      EXPECT_NE(sentence_of([&] { session->truncate(a, 100); }, &code), "");
      EXPECT_EQ(code, ErrorCode::kLimit);
      const SequenceId b = session->fork(a, 600);
      const SequenceInput more = {b, all.first(70), true};
      const auto rows = session->forward({&more, 1});
      if (size == 1) alone.assign(rows.begin(), rows.end());
      ASSERT_EQ(rows.size(), alone.size());
      EXPECT_EQ(std::memcmp(rows.data(), alone.data(), rows.size_bytes()), 0)
          << "window in layer " << windowed << " of " << size;
    }
  }
}

TEST_F(EnsembleTest, MoreProcessesThanLayersAreRefused) {
  config_.layers.resize(1);
  const auto checkpoint = Checkpoint::open(file("w4"));
  const test::ThreadEnsemble two(2);
  two.first()->share_layers();
  ErrorCode code = ErrorCode::kBug;
  const auto load = [&] { Model::load(checkpoint, nullptr, {.ensemble = two.first()}); };
  EXPECT_NE(sentence_of(load, &code)
                .find("each of 2 processes needs a layer for itself, and there "
                      "is one; without --pipeline"),
            std::string::npos);
  EXPECT_EQ(code, ErrorCode::kUnsupported);
}

TEST_F(EnsembleTest, WhatAnotherProcessLacksIsSaid) {
  const std::string path = file("w4");
  const auto checkpoint = Checkpoint::open(path);
  const test::ThreadEnsemble three(3);
  const auto load = [&] { Model::load(checkpoint, nullptr, {.ensemble = three.first()}); };
  ErrorCode code = ErrorCode::kBug;
  std::filesystem::rename(path, path + ".away");
  EXPECT_NE(sentence_of(load, &code).find("process 1 of 3: "), std::string::npos);
  EXPECT_EQ(code, ErrorCode::kIo);
  // Another model of the same sizes.
  quantized(folder_, random_checkpoint(config_, 2), "w4");
  EXPECT_NE(sentence_of(load, &code).find("is another model than that of process 0"),
            std::string::npos);
  EXPECT_EQ(code, ErrorCode::kInvalid);
  std::filesystem::rename(path + ".away", path);
  EXPECT_EQ(sentence_of(load, &code), "");
}

TEST_F(EnsembleTest, AStepThatCannotBeTakenChangesNothing) {
  const test::ThreadEnsemble two(2);
  const auto model = Model::load(Checkpoint::open(file("w4")), nullptr, {.ensemble = two.first()});
  const auto session = Session::create(model, {.threads = 1, .max_pages = 1});
  const auto tokens = some_tokens(100, config_.vocab_size);
  const SequenceId a = session->add();
  SequenceInput input = {a, tokens, false};
  ErrorCode code = ErrorCode::kBug;
  EXPECT_NE(sentence_of(
                [&] {
                  session->forward({&input, 1});
                },
                &code)
                .find("KV cache is full"),
            std::string::npos);
  EXPECT_EQ(code, ErrorCode::kLimit);
  input.tokens = input.tokens.first(64);
  EXPECT_EQ(session->forward({&input, 1}).size(), static_cast<std::size_t>(config_.vocab_size));
  const TokenId outside[] = {1000};
  input.tokens = outside;
  sentence_of([&] { session->forward({&input, 1}); }, &code);
  EXPECT_EQ(code, ErrorCode::kInvalid);
  std::vector<std::byte> bytes(1 << 20);
  sentence_of([&] { SessionPages(*session).copy(a, 0, 1, bytes); }, &code);
  EXPECT_EQ(code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace lathe
