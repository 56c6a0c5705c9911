// Logits of adapters beside a model, and merged into it, against PEFT's in float32
// (testdata/golden/lora, made by scripts/golden/make_adapters.py).
#include "lathe/lora.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lathe/error.h"
#include "lathe/model.h"
#include "lathe/session.h"

#include "support/paths.h"

namespace lathe {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::vector<float> logits_of(std::shared_ptr<const Model> model, const std::vector<TokenId>& ids,
                             std::int64_t chunk) {
  const auto session = Session::create(
      std::move(model), {.threads = 2, .kv_type = KvType::kF32, .max_tokens = 64, .chunk = chunk});
  const SequenceId sequence = session->add();
  std::vector<float> out;
  // In two steps, the second of one token: prefill and decoding.
  const std::size_t first = ids.size() - 1;
  for (const auto& [from, to] : {std::pair<std::size_t, std::size_t>{0, first},
                                 std::pair<std::size_t, std::size_t>{first, ids.size()}}) {
    const SequenceInput input = {sequence, std::span(ids).subspan(from, to - from), true};
    const auto rows = session->forward({&input, 1});
    out.insert(out.end(), rows.begin(), rows.end());
  }
  return out;
}

class LoraLogits : public testing::TestWithParam<const char*> {
 protected:
  LoraLogits() {
    const std::string folder = testdata("golden/lora/") + GetParam();
    const auto expected = nlohmann::json::parse(read_file(folder + "/expected.json"));
    ids_ = expected.at("sequence").get<std::vector<TokenId>>();
    base_ = Checkpoint::open(testdata("golden/models/") + expected.at("model").get<std::string>());
    adapter_ = LoraAdapter::open(folder);
    const std::string bytes = read_file(folder + "/expected.f32");
    want_.resize(bytes.size() / sizeof(float));
    std::memcpy(want_.data(), bytes.data(), bytes.size());
  }

  void check(const std::vector<float>& got) const {
    ASSERT_EQ(got.size(), want_.size());
    float largest = 0;
    for (const float x : want_) largest = std::max(largest, std::abs(x));
    ASSERT_GT(largest, 1.0F);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], want_[i], 1e-4 * static_cast<double>(largest)) << i;
    }
  }

  std::vector<TokenId> ids_;
  std::shared_ptr<const Checkpoint> base_;
  std::shared_ptr<const LoraAdapter> adapter_;
  std::vector<float> want_;
};

TEST_P(LoraLogits, MergedAreThoseOfPeft) {
  // In F32: a base in bf16 would round the sum.
  check(logits_of(Model::load(merge_lora(base_, adapter_, DType::kF32)), ids_, 512));
}

TEST_P(LoraLogits, BesideTheModelAreThoseOfPeft) {
  if (std::string(GetParam()) == "embedding-and-head") {
    EXPECT_THROW(Model::load(base_, adapter_), Error);  // rows of tokens are looked up
    return;
  }
  check(logits_of(Model::load(base_, adapter_), ids_, 512));
  check(logits_of(Model::load(base_, adapter_), ids_, 3));
  // Whoever keeps keys and values must not take the one for the other.
  EXPECT_NE(Model::load(base_, adapter_)->fingerprint(), Model::load(base_)->fingerprint());
}

INSTANTIATE_TEST_SUITE_P(Peft, LoraLogits,
                         testing::Values("all-linear", "rslora", "patterns", "regex-odd-sizes",
                                         "tiny-llama", "embedding-and-head"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace lathe
