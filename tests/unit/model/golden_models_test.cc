// Logits against Hugging Face transformers in float32, for tiny random models of every family
// and option. scripts/golden/make_models.py made the models and the expectations.

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/convert.h"
#include "lathe/model.h"
#include "lathe/model_config.h"
#include "lathe/session.h"

#include "support/golden_logits.h"
#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

class GoldenModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string folder = testdata("golden/models/") + GetParam();
    model_ = Model::load(as_floats(Checkpoint::open(folder)));
    vocab_ = static_cast<std::size_t>(model_->config().vocab_size);
    golden_ = test::read_golden_logits(folder);
    std::size_t count = 0;
    for (const auto& rows : golden_.rows) count += rows.size();
    ASSERT_EQ(golden_.expected.size(), count * vocab_);
    ASSERT_GT(golden_.largest, 1.0F);
  }

  // Blocks are multiplied with inputs in bytes; what they stand for is compared.
  std::shared_ptr<const Checkpoint> as_floats(std::shared_ptr<const Checkpoint> checkpoint) {
    const auto is_block = [](const TensorInfo& info) { return dtype_info(info.dtype).block > 1; };
    if (std::ranges::none_of(checkpoint->tensors(), is_block)) return checkpoint;
    ConvertOptions options;
    options.dtype = DType::kF32;
    convert(*checkpoint, temp_ / "f32.lathe", options);
    return Checkpoint::open(temp_ / "f32.lathe");
  }

  std::unique_ptr<Session> session(std::int64_t chunk = 512, KvType kv = KvType::kF32) {
    return Session::create(model_,
                           {.threads = 2, .kv_type = kv, .max_tokens = 2000, .chunk = chunk});
  }

  // logits: rows of sequence `index` from position `from` on.
  void check(std::size_t index, std::span<const float> logits, std::size_t from,
             double tolerance = 1e-4) {
    std::size_t place = 0;
    for (std::size_t i = 0; i < index; ++i) place += golden_.rows[i].size();
    ASSERT_EQ(logits.size(), (golden_.sequences[index].size() - from) * vocab_);
    double worst = 0.0;
    std::size_t checked = 0;
    for (const std::size_t position : golden_.rows[index]) {
      const float* want = golden_.expected.data() + place++ * vocab_;
      if (position < from) continue;
      ++checked;
      const float* got = logits.data() + (position - from) * vocab_;
      for (std::size_t i = 0; i < vocab_; ++i) {
        const double difference =
            std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
        ASSERT_FALSE(std::isnan(difference));
        worst = std::max(worst, difference);
      }
    }
    EXPECT_GT(checked, 0U);
    EXPECT_LE(worst / static_cast<double>(golden_.largest), tolerance) << "sequence " << index;
    worst_ = std::max(worst_, worst / static_cast<double>(golden_.largest));
  }

  void TearDown() override { RecordProperty("worst", std::to_string(worst_)); }

  test::TempFolder temp_;
  std::shared_ptr<const Model> model_;
  std::size_t vocab_ = 0;
  test::GoldenLogits golden_;
  double worst_ = 0.0;
};

TEST_P(GoldenModel, WholePrefill) {
  const auto s = session();
  for (std::size_t i = 0; i < golden_.sequences.size(); ++i) {
    const SequenceInput input = {s->add(), golden_.sequences[i], true};
    check(i, s->forward({&input, 1}), 0);
  }
}

TEST_P(GoldenModel, ChunkedPrefill) {
  for (const std::int64_t chunk : {7, 64}) {
    const auto s = session(chunk);
    const SequenceInput input = {s->add(), golden_.sequences[0], true};
    check(0, s->forward({&input, 1}), 0);
  }
}

TEST_P(GoldenModel, TokenByToken) {
  const auto s = session();
  const SequenceId sequence = s->add();
  std::vector<float> logits;
  for (const TokenId& token : golden_.sequences[0]) {
    const SequenceInput input = {sequence, {&token, 1}, false};
    const auto row = s->forward({&input, 1});
    logits.insert(logits.end(), row.begin(), row.end());
  }
  check(0, logits, 0);
}

TEST_P(GoldenModel, AllSequencesInOneBatch) {
  const auto s = session(100);
  std::vector<SequenceInput> inputs;
  for (const auto& tokens : golden_.sequences) inputs.push_back({s->add(), tokens, true});
  const auto logits = s->forward(inputs);
  std::size_t first = 0;
  for (std::size_t i = 0; i < golden_.sequences.size(); ++i) {
    const std::size_t count = golden_.sequences[i].size() * vocab_;
    check(i, logits.subspan(first, count), 0);
    first += count;
  }
  EXPECT_EQ(first, logits.size());
}

TEST_P(GoldenModel, ForkedAndTruncated) {
  const auto s = session();
  const SequenceId source = s->add();
  const std::span<const TokenId> tokens = golden_.sequences[0];
  const std::vector<TokenId> wrong(40, 5);
  const SequenceInput prefix = {source, tokens.first(100), false};
  s->forward({&prefix, 1});
  const SequenceInput astray = {source, wrong, false};
  s->forward({&astray, 1});
  const SequenceId fork = s->fork(source, 90);  // shares a page that the source still uses
  s->truncate(source, 95);
  const std::vector<SequenceInput> rest = {{source, tokens.subspan(95), true},
                                           {fork, tokens.subspan(90), true}};
  const auto logits = s->forward(rest);
  const std::size_t cut = (tokens.size() - 95) * vocab_;
  check(0, logits.first(cut), 95);
  check(0, logits.subspan(cut), 90);
}

TEST_P(GoldenModel, HalfPrecisionCache) {
  const auto s = session(512, KvType::kF16);
  const SequenceInput input = {s->add(), golden_.sequences[0], true};
  check(0, s->forward({&input, 1}), 0, 1e-2);
}

// Mean of Σ p·log(p / q) over the positions of the first sequence, q by the packed model.
TEST(GoldenBlocks, ExpertsInMxfp4StrayLittleFromWhatTheyStandFor) {
  const std::string folder = testdata("golden/models/gpt-oss");
  const test::TempFolder temp;
  const auto source = Checkpoint::open(folder);
  ConvertOptions options;
  options.dtype = DType::kF32;
  convert(*source, temp / "f32.lathe", options);
  const std::vector<TokenId> tokens = test::read_golden_logits(folder).sequences.at(0);
  std::vector<std::vector<double>> log_p;
  for (const auto& checkpoint : {Checkpoint::open(temp / "f32.lathe"), source}) {
    const auto s = Session::create(Model::load(checkpoint), {.threads = 2, .max_tokens = 2000});
    const SequenceInput input = {s->add(), tokens, true};
    const auto logits = s->forward({&input, 1});
    const std::size_t vocab = logits.size() / tokens.size();
    std::vector<double>& out = log_p.emplace_back();
    for (std::size_t row = 0; row < logits.size(); row += vocab) {
      double sum = 0.0;
      for (std::size_t i = 0; i < vocab; ++i) sum += std::exp(static_cast<double>(logits[row + i]));
      for (std::size_t i = 0; i < vocab; ++i) {
        out.push_back(static_cast<double>(logits[row + i]) - std::log(sum));
      }
    }
  }
  double kl = 0.0;
  for (std::size_t i = 0; i < log_p[0].size(); ++i) {
    kl += std::exp(log_p[0][i]) * (log_p[0][i] - log_p[1][i]);
  }
  kl /= static_cast<double>(tokens.size());
  RecordProperty("kl", std::to_string(kl));
  EXPECT_GT(kl, 1e-9);  // it is not the floats that ran
  EXPECT_LT(kl, 1e-3);
}

std::string test_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    All, GoldenModel,
    testing::Values("llama-plain", "llama-tied", "llama-mha-f16", "llama-one-kv-head",
                    "llama-odd-sizes", "llama-wide-head", "llama-biases", "llama-rope-linear",
                    "llama-rope-llama3", "llama-rope-yarn", "qwen2-rope-yarn-all", "mistral-window",
                    "mistral-full", "qwen2-bias", "qwen3-norm", "qwen3-attention-bias",
                    "smollm-like", "tinyllama-like", "tiny-llama", "gemma2", "gemma3",
                    "gemma3-wrapped", "granite", "olmo2", "smollm3", "smollm3-tied", "phi3-window",
                    "phi3-long", "phi3-short", "olmo3", "ministral3", "glm4", "exaone4",
                    "exaone4-full", "hunyuan", "minicpm", "ernie", "ernie-bias", "seed-oss",
                    "arcee", "mixtral", "qwen2-moe", "qwen3-moe", "qwen3-moe-dense-layer",
                    "granite-moe", "granite-moe-shared", "olmoe", "ernie-moe", "hunyuan-moe",
                    "gpt-oss", "gpt-oss-bf16"),
    test_name);

}  // namespace
}  // namespace lathe
