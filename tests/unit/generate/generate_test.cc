// generate() with a session of a real, if random, model; decode_test.cc has the finer points.
#include "lathe/generate.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "support/random_checkpoint.h"
#include "support/refusal.h"
#include "unit/generate/fake_model.h"

namespace lathe {
namespace {

using test::error_of;

GenerateOptions six_tokens(bool ignore_eos) {
  GenerateOptions options;
  options.max_tokens = 6;
  options.ignore_eos = ignore_eos;
  return options;
}

class GenerateTest : public testing::Test {
 protected:
  static std::shared_ptr<const Model> random_model() {
    ModelConfig config = small_config();
    config.vocab_size = FakeTokenizer::kVocab;
    config.max_position = 100;
    return Model::load(random_checkpoint(config));
  }

  const FakeTokenizer tokenizer_;
  const std::vector<TokenId> prompt_ = {FakeTokenizer::kBos, 'h', 'i'};
  std::unique_ptr<Session> session_ = Session::create(random_model(), {.threads = 1});
};

TEST_F(GenerateTest, TakesTheLargestLogitOfEachStep) {
  const Generation got = generate(*session_, tokenizer_, prompt_, six_tokens(true));
  std::vector<TokenId> text = prompt_;
  for (const TokenId id : got.ids) {
    const SequenceId sequence = session_->add();
    const SequenceInput input = {sequence, text};
    const std::span<const float> logits = session_->forward({&input, 1});
    EXPECT_EQ(id, std::max_element(logits.begin(), logits.end()) - logits.begin());
    session_->drop(sequence);
    text.push_back(id);
  }
  EXPECT_EQ(got.ids.size(), 6u);
  EXPECT_EQ(got.reason, FinishReason::kLength);
}

TEST_F(GenerateTest, LeavesNoSequenceBehind) {
  generate(*session_, tokenizer_, prompt_, six_tokens(false));
  EXPECT_EQ(session_->kv_usage().tokens_stored, 0);
  const auto fails = [](std::string_view) -> bool { throw Error(ErrorCode::kIo, "full"); };
  EXPECT_EQ(error_of([&] { generate(*session_, tokenizer_, prompt_, six_tokens(true), fails); }),
            ErrorCode::kIo);
  EXPECT_EQ(session_->kv_usage().tokens_stored, 0);
}

}  // namespace
}  // namespace lathe
