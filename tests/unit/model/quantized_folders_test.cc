// Folders that came quantized (testdata/golden/quantized, made by
// scripts/golden/make_quantized.py): their numbers as floats give the logits that transformers
// computed with them in float32, and the packed matrices that they become stay as near as bytes for
// inputs let them.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "lathe/convert.h"
#include "lathe/model.h"
#include "lathe/model_config.h"
#include "lathe/quantized_source.h"
#include "lathe/session.h"

#include "support/golden_logits.h"
#include "support/paths.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

struct Quantized {
  const char* name;
  const char* scheme;            // of down_proj
  double least_sqnr = INFINITY;  // of the packed numbers; infinite: the very ones
};

void PrintTo(const Quantized& folder, std::ostream* out) { *out << folder.name; }

class QuantizedFolder : public testing::TestWithParam<Quantized> {
 protected:
  void SetUp() override {
    folder_ = testdata("golden/quantized/") + GetParam().name;
    checkpoint_ = Checkpoint::open(folder_);
    vocab_ = static_cast<std::size_t>(checkpoint_->config().vocab_size);
    golden_ = test::read_golden_logits(folder_);
    ASSERT_GT(golden_.largest, 1.0F);
  }

  // The rows that the expectations are of.
  std::vector<float> logits(const std::shared_ptr<const Checkpoint>& checkpoint) const {
    const auto model = Model::load(checkpoint);
    const auto session =
        Session::create(model, {.threads = 2, .kv_type = KvType::kF32, .max_tokens = 500});
    std::vector<float> out;
    for (std::size_t i = 0; i < golden_.sequences.size(); ++i) {
      const SequenceInput input = {session->add(), golden_.sequences[i], true};
      const auto all = session->forward({&input, 1});
      for (const std::size_t row : golden_.rows[i]) {
        const auto one = all.subspan(row * vocab_, vocab_);
        out.insert(out.end(), one.begin(), one.end());
      }
    }
    return out;
  }

  std::shared_ptr<const Checkpoint> converted(std::optional<DType> dtype) {
    const std::string path = temp_.path() + (dtype ? "/float.lathe" : "/packed.lathe");
    ConvertOptions options;
    options.format = CheckpointFormat::kLathe;
    options.dtype = dtype;
    convert(*checkpoint_, path, options);
    return Checkpoint::open(path);
  }

  // The mean over all rows.
  double divergence(const std::vector<float>& got) const {
    double sum = 0.0;
    const std::size_t rows = golden_.expected.size() / vocab_;
    for (std::size_t r = 0; r < rows; ++r) {
      const auto log_sum = [&](const float* x) {
        double total = 0.0;
        for (std::size_t i = 0; i < vocab_; ++i) total += std::exp(static_cast<double>(x[i]));
        return std::log(total);
      };
      const float* p = golden_.expected.data() + r * vocab_;
      const float* q = got.data() + r * vocab_;
      const double lp = log_sum(p), lq = log_sum(q);
      for (std::size_t i = 0; i < vocab_; ++i) {
        const double a = static_cast<double>(p[i]) - lp;
        sum += std::exp(a) * (a - (static_cast<double>(q[i]) - lq));
      }
    }
    return sum / static_cast<double>(rows);
  }

  std::string folder_;
  test::TempFolder temp_;
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::size_t vocab_ = 0;
  test::GoldenLogits golden_;
};

TEST_P(QuantizedFolder, GivesItsOwnDequantizationAsFloats) {
  const std::vector<float> got = logits(converted(DType::kF32));
  ASSERT_EQ(got.size(), golden_.expected.size());
  float worst = 0.0F;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(got[i] - golden_.expected[i]));
  }
  EXPECT_LE(worst / golden_.largest, 1e-4F);
}

TEST_P(QuantizedFolder, RunsAsItIs) {
  const auto down = checkpoint_->find("model.layers.0.mlp.down_proj.weight");
  ASSERT_TRUE(down);
  EXPECT_EQ(type_name(*checkpoint_, *down), GetParam().scheme);
  const std::vector<float> got = logits(checkpoint_);
  ASSERT_EQ(got.size(), golden_.expected.size());
  // Inputs in signed bytes cost so much, whatever the weights; wrong weights cost a thousand times
  // that.
  const double kl = divergence(got);
  RecordProperty("kl", std::to_string(kl));
  EXPECT_LE(kl, 4e-4);
}

TEST_P(QuantizedFolder, PacksTheVeryNumbersOrNearlySo) {
  const auto packed = converted(std::nullopt);
  double signal = 0.0, error = 0.0;
  for (std::size_t i = 0; i < packed->tensors().size(); ++i) {
    const TensorInfo& info = packed->tensors()[i];
    std::vector<float> is(static_cast<std::size_t>(info.rows() * info.cols()));
    std::vector<float> was(is.size());
    if (info.shape.size() != 2) continue;
    packed->read_rows_f32(i, 0, info.rows(), is);
    checkpoint_->read_rows_f32(*checkpoint_->find(info.name), 0, info.rows(), was);
    for (std::size_t k = 0; k < is.size(); ++k) {
      signal += std::pow(static_cast<double>(was[k]), 2.0);
      error += std::pow(static_cast<double>(is[k]) - static_cast<double>(was[k]), 2.0);
    }
  }
  const double sqnr = error == 0.0 ? INFINITY : 10.0 * std::log10(signal / error);
  RecordProperty("sqnr", std::to_string(sqnr));
  EXPECT_GE(sqnr, GetParam().least_sqnr);
  EXPECT_EQ(checkpoint_->metadata().contains(kRoundedMatrices), error != 0.0);
}

TEST_P(QuantizedFolder, IsTheSameAsANativeFile) {
  EXPECT_EQ(logits(checkpoint_), logits(converted(std::nullopt)));
}

std::string test_name(const testing::TestParamInfo<Quantized>& info) {
  std::string name = info.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    All, QuantizedFolder,
    testing::Values(
        Quantized{"gptq-4", "w4g32"}, Quantized{"gptq-4-asym", "w4g16az"},
        Quantized{"gptq-4-v2", "w4g32az"}, Quantized{"gptq-4-rows", "w4r"},
        Quantized{"gptq-8", "w8g64"}, Quantized{"gptq-8-asym", "w8g32az", 60},
        Quantized{"gptq-3", "w3g32az"}, Quantized{"gptq-2", "w2g16az"},
        Quantized{"gptq-dynamic", "w8g32"}, Quantized{"awq", "w4g32az"},
        Quantized{"awq-gemv", "w4g32az"}, Quantized{"auto-round-gptq", "w4g32"},
        Quantized{"auto-round-awq", "w4g64az"}, Quantized{"compressed-4", "w4g32"},
        Quantized{"compressed-4-asym", "w4g64az"}, Quantized{"compressed-8-mixed", "w4r"},
        Quantized{"compressed-6", "w6g32"}, Quantized{"compressed-3-whole", "w3g32"},
        Quantized{"compressed-int8", "w8r"}, Quantized{"compressed-int8-asym", "w8raz", 60},
        Quantized{"nf4", "w4nlg64", 48}, Quantized{"nf4-nested", "w4nlg64", 48},
        Quantized{"fp4", "w4nlg64", 55}, Quantized{"int8", "w8r", 70},
        Quantized{"hqq-4", "w4g64a", 65}, Quantized{"hqq-2", "w2g16a", 60},
        Quantized{"hqq-8", "w8g64a", 55}, Quantized{"bitnet", "w2raz", 60},
        Quantized{"fp8-blocks", "w8g32", 48}, Quantized{"fp8-whole", "w8g32", 48},
        Quantized{"fp8-rows", "w8g32", 48}, Quantized{"modelopt-fp8", "w8g32", 48},
        Quantized{"modelopt-nvfp4", "w4nlg16", 70}, Quantized{"compressed-fp8-rows", "w8g32", 48},
        Quantized{"compressed-fp8-blocks", "w8g32", 48}, Quantized{"compressed-mxfp8", "w8g32", 48},
        Quantized{"compressed-nvfp4", "w4nlg16", 70}, Quantized{"compressed-mxfp4", "w4nlg32"},
        Quantized{"gptq-4-order", "w4g32"}, Quantized{"gptq-3-order-asym", "w3g16az"},
        Quantized{"compressed-4-order", "w4g32az"}, Quantized{"gptq-4-phi3", "w4g32az"},
        Quantized{"awq-glm4", "w4g32az"}),
    test_name);

}  // namespace
}  // namespace lathe
