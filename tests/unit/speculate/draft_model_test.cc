#include "speculate/draft_model.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "lathe/speculation.h"

#include "support/random_checkpoint.h"
#include "support/refusal.h"
#include "support/small_tokenizers.h"

namespace lathe {
namespace {

using Text = std::vector<TokenId>;

std::shared_ptr<const Model> some_model() {
  static const std::shared_ptr<const Model> model = Model::load(random_checkpoint(small_config()));
  return model;
}

TokenId best_behind(const Text& text, std::int64_t tokens = 50) {
  const auto session = Session::create(some_model(), {.threads = 1});
  const SequenceInput input = {session->add(), text, false};
  const std::span<const float> logits = session->forward({&input, 1});
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.begin() + tokens) -
                              logits.begin());
}

TEST(DraftModel, GuessesWhatFollowsTextsThatGrowAndGoBack) {
  DraftModel model(some_model(), 1, 0, 0);
  DraftModel::Reader a(model), b(model);
  Text first = {1, 2, 3}, second = {7, 8, 9, 10};
  for (int turn = 0; turn < 12; ++turn) {
    DraftModel::Reader* const readers[] = {&a, &b};
    const std::span<const TokenId> texts[] = {first, second};
    const auto guesses = model.guess(readers, texts);
    EXPECT_EQ(guesses[0].token, best_behind(first));
    EXPECT_EQ(guesses[1].token, best_behind(second));
    EXPECT_GE(guesses[0].lead, 0.0f);
    first.push_back(guesses[0].token);
    EXPECT_EQ(a.behind(first), 1);
    if (turn % 3 == 2) {
      second.resize(3);
      second.push_back(static_cast<TokenId>(turn));
    } else {
      second.push_back(guesses[1].token);
    }
  }
  EXPECT_EQ(a.behind(Text{1, 2, 3}), 1);
  EXPECT_EQ(a.behind(Text{1, 5, 3, 4}), 3);
  EXPECT_GT(model.seconds(), 0.0);
  EXPECT_TRUE(model.is_measured());
}

TEST(DraftModel, SaysNothingOfWhatDoesNotFit) {
  DraftModel model(some_model(), 1, 8, 0);
  DraftModel::Reader reader(model);
  EXPECT_TRUE(reader.can_read(Text(5, 1), 3));
  EXPECT_FALSE(reader.can_read(Text(5, 1), 4));
  const Text text(9, 1), strange = {60};
  DraftModel::Reader* const readers[] = {&reader};
  std::span<const TokenId> texts[] = {text};
  EXPECT_EQ(model.guess(readers, texts).front().token, -1);
  EXPECT_FALSE(reader.can_read(Text{1}, 1));
  DraftModel::Reader other(model);
  DraftModel::Reader* const others[] = {&other};
  texts[0] = strange;
  EXPECT_EQ(model.guess(others, texts).front().token, -1);
}

TEST(DraftModel, GuessesTokensThatTheModelHas) {
  DraftModel model(some_model(), 1, 0, 10);
  DraftModel::Reader reader(model);
  DraftModel::Reader* const readers[] = {&reader};
  for (TokenId id = 0; id < 20; ++id) {
    const Text text = {id, 3};
    const std::span<const TokenId> texts[] = {text};
    EXPECT_EQ(model.guess(readers, texts).front().token, best_behind(text, 10));
  }
}

TEST(DraftModel, NeedsTheModelsOwnTokens) {
  nlohmann::json tokenizer = test::byte_tokenizer();
  const auto model = test::create(tokenizer);
  check_same_tokens(*model, *test::create(tokenizer), "d");
  nlohmann::json& vocab = tokenizer["model"]["vocab"];
  std::swap(vocab["a"], vocab["b"]);
  test::expect_refused(ErrorCode::kInvalid, "\"d\": its vocabulary is another one: token",
                       [&] { check_same_tokens(*model, *test::create(tokenizer), "d"); });
  std::swap(vocab["a"], vocab["b"]);
  vocab["ab"] = vocab.size();
  test::expect_refused(ErrorCode::kInvalid, "has 257 tokens, the model's 256",
                       [&] { check_same_tokens(*model, *test::create(tokenizer), "d"); });
}

}  // namespace
}  // namespace lathe
