// A real trained model, where its file is at hand: the text it is known to tell, and logits
// against Hugging Face transformers.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lathe/model.h"
#include "lathe/session.h"

#include "support/paths.h"

namespace lathe {
namespace {

const std::string kGolden = testdata("golden/stories260k/");

std::vector<TokenId> golden_ids() {
  std::ifstream in(kGolden + "greedy.json");
  return nlohmann::json::parse(in).get<std::vector<TokenId>>();
}

class Stories : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = shared_data("stories260K.bin");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
    model_ = Model::load(Checkpoint::open(path));
  }

  std::vector<TokenId> greedy(const SessionOptions& options, std::size_t count) {
    const auto session = Session::create(model_, options);
    const SequenceId sequence = session->add();
    std::vector<TokenId> ids = {1};
    while (ids.size() < count) {
      const SequenceInput input = {sequence, {&ids.back(), 1}, false};
      const auto logits = session->forward({&input, 1});
      ids.push_back(
          static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    return ids;
  }

  std::shared_ptr<const Model> model_;
};

TEST_F(Stories, TellsItsStory) {
  const std::vector<TokenId> want = golden_ids();
  EXPECT_EQ(greedy({.threads = 1, .kv_type = KvType::kF32}, want.size()), want);
  EXPECT_EQ(greedy({.threads = 2, .kv_type = KvType::kF16}, want.size()), want);
}

TEST_F(Stories, LogitsOfAPrefillAreTransformers) {
  const std::vector<TokenId> ids = golden_ids();
  std::vector<float> want(512);
  std::ifstream in(kGolden + "last_logits.f32", std::ios::binary);
  in.read(reinterpret_cast<char*>(want.data()), 512 * sizeof(float));
  ASSERT_EQ(in.gcount(), 2048);
  const auto session = Session::create(model_, {.threads = 2, .kv_type = KvType::kF32});
  const SequenceInput input = {session->add(), ids, false};
  const auto got = session->forward({&input, 1});
  ASSERT_EQ(got.size(), want.size());
  float largest = 0.0F;
  float worst = 0.0F;
  for (std::size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(want[i]));
    worst = std::max(worst, std::abs(want[i] - got[i]));
  }
  EXPECT_LE(worst, 1e-4F * largest);
}

}  // namespace
}  // namespace lathe
