#include "lathe/conversation.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <vector>

#include "support/paths.h"
#include "support/random_checkpoint.h"
#include "support/refusal.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using test::expect_refused;
using test::TempFolder;

GenerateOptions twenty_tokens() {
  GenerateOptions options;
  options.max_tokens = 20;
  options.ignore_eos = true;
  return options;
}

std::vector<TokenId> plus(std::span<const TokenId> text, std::span<const TokenId> more) {
  std::vector<TokenId> out(text.begin(), text.end());
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

class ConversationTest : public testing::Test {
 protected:
  // An answer, which must be that of a fresh sequence.
  Generation answer(Conversation& talk, std::span<const TokenId> prompt) {
    Generation got = talk.generate(prompt, twenty_tokens());
    expect_same(got, generate(*fresh_, *small_model().tokenizer, prompt, twenty_tokens()));
    return got;
  }

  const std::unique_ptr<Session> session_ = solo_session();
  const std::unique_ptr<Session> fresh_ = solo_session();
  Conversation talk_{*session_, small_model().tokenizer};
  const std::vector<TokenId> prompt_ = village_prompt(3, 40);
};

TEST_F(ConversationTest, GoesOnWithoutReadingAgain) {
  const Generation first = answer(talk_, prompt_);
  EXPECT_EQ(talk_.reused(), 0);
  // The answer's last token was chosen and not computed.
  EXPECT_EQ(talk_.tokens().size(), prompt_.size() + 19);
  const auto said = plus(prompt_, first.ids);
  const auto second = plus(said, village_prompt(4, 10));
  answer(talk_, second);
  EXPECT_EQ(talk_.reused(), std::ssize(said) - 1);
}

TEST_F(ConversationTest, GoesBackToWhereTextsPart) {
  answer(talk_, prompt_);
  auto other = prompt_;
  other[30] += 1;
  answer(talk_, other);
  EXPECT_EQ(talk_.reused(), 30);
  // The same once more: its last token is computed again for its logits.
  answer(talk_, other);
  EXPECT_EQ(talk_.reused(), std::ssize(other) - 1);
  other[0] += 1;
  answer(talk_, other);
  EXPECT_EQ(talk_.reused(), 0);
  talk_.clear();
  EXPECT_EQ(session_->kv_usage().tokens_stored, 0);
}

TEST_F(ConversationTest, ReadGivesTheLogitsThatFollow) {
  const SequenceInput input = {fresh_->add(), prompt_};
  const auto want = fresh_->forward({&input, 1});
  talk_.read(std::span(prompt_).first(12));
  const auto got = talk_.read(prompt_);
  EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()));
  EXPECT_EQ(talk_.reused(), 12);
  expect_refused(ErrorCode::kInvalid, "empty", [&] { talk_.read({}); });
  const std::vector<TokenId> many(513, 5);
  expect_refused(ErrorCode::kLimit, "513 tokens", [&] { talk_.read(many); });
  EXPECT_EQ(talk_.tokens().size(), prompt_.size());
}

TEST_F(ConversationTest, ACallbackThatFailsLeavesItUsable) {
  const auto fails = [](std::string_view) -> bool { throw Error(ErrorCode::kIo, "full"); };
  EXPECT_EQ(test::error_of([&] { talk_.generate(prompt_, twenty_tokens(), fails); }),
            ErrorCode::kIo);
  EXPECT_EQ(session_->length(talk_.sequence()), std::ssize(talk_.tokens()));
  answer(talk_, prompt_);
}

TEST_F(ConversationTest, AFileOfItGoesOnElsewhere) {
  const TempFolder folder;
  const std::string path = folder.file("talk");
  const auto said = plus(prompt_, answer(talk_, prompt_).ids);
  ASSERT_GT(said.size(), 64U);  // pages
  talk_.save(path);
  const auto elsewhere = solo_session();
  Conversation again(*elsewhere, small_model().tokenizer);
  again.load(path);
  EXPECT_TRUE(std::ranges::equal(again.tokens(), talk_.tokens()));
  answer(again, plus(said, village_prompt(9, 5)));
  EXPECT_EQ(again.reused(), std::ssize(said) - 1);

  expect_refused(ErrorCode::kIo, "talk", [&] { talk_.save(path); });
  talk_.save(path, true);
  talk_.clear();
  talk_.save(path, true);
  again.load(path);
  EXPECT_TRUE(again.tokens().empty());
  EXPECT_EQ(elsewhere->kv_usage().tokens_stored, 0);
}

TEST_F(ConversationTest, DamagedFilesAreRefused) {
  const TempFolder folder;
  talk_.read(prompt_);
  talk_.save(folder.file("good"));
  const std::string good = TempFolder::read(folder.file("good"));
  const std::string path = folder.file("bad");
  Conversation again(*fresh_, small_model().tokenizer);
  const auto refused = [&](const std::string& bytes) {
    folder.write("bad", bytes);
    again.read(std::vector<TokenId>{1, 2, 3});
    expect_refused(ErrorCode::kInvalid, "bad", [&] { again.load(path); });
    EXPECT_TRUE(again.tokens().empty());
    EXPECT_EQ(fresh_->kv_usage().tokens_stored, 0);
  };
  const std::size_t step = good.size() / 101;
  for (std::size_t at = 0; at < good.size(); at += at < 256 ? 7 : step) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 4);
    refused(bytes);
    refused(good.substr(0, at));
  }
  refused(good + "x");
  expect_refused(ErrorCode::kIo, "absent", [&] { again.load(folder.file("absent")); });
  expect_refused(ErrorCode::kIo, "regular", [&] { again.load(folder.path()); });
}

TEST_F(ConversationTest, FilesOfAnotherModelOrKindAreRefused) {
  const TempFolder folder;
  talk_.read(prompt_);
  talk_.save(folder.file("talk"));
  const auto refused = [&](Session& session, ErrorCode code, std::string_view part) {
    Conversation other(session, small_model().tokenizer);
    expect_refused(code, part, [&] { other.load(folder.file("talk")); });
  };
  refused(*solo_session(KvType::kInt8), ErrorCode::kInvalid, "another type");
  const auto floats = Model::load(Checkpoint::open(testdata("examples/village")));
  refused(*Session::create(floats, {.threads = 1}), ErrorCode::kInvalid, "another model");
  refused(*Session::create(small_model().model, {.threads = 1, .max_tokens = 30}),
          ErrorCode::kLimit, "the context holds 30");
}

// A text whose beginning has left the window cannot be gone back to.
TEST(WindowedConversation, StartsAgainWhereItMustAndSurvivesAFile) {
  ModelConfig config = small_config();
  config.max_position = 2000;
  each_layer(config, [](LayerConfig& layer) { layer.attention.window = 20; });
  const auto model = Model::load(random_checkpoint(config));
  const SessionOptions options = {.threads = 1, .kv_type = KvType::kF32, .chunk = 50};
  const auto session = Session::create(model, options);
  const auto fresh = Session::create(model, options);
  std::vector<TokenId> text(1000);
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<TokenId>(i * i % 47);
  const auto same_logits = [&](Conversation& talk, std::span<const TokenId> prompt) {
    const auto got = talk.read(prompt);
    const SequenceId sequence = fresh->add();
    const SequenceInput input = {sequence, prompt};
    const auto want = fresh->forward({&input, 1});
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-5F);
    fresh->drop(sequence);
  };
  Conversation talk(*session, small_model().tokenizer);
  same_logits(talk, std::span(text).first(900));
  same_logits(talk, text);
  EXPECT_EQ(talk.reused(), 900);
  const TempFolder folder;
  talk.save(folder.file("talk"));
  Conversation again(*session, small_model().tokenizer);
  again.load(folder.file("talk"));
  EXPECT_EQ(again.tokens().size(), 1000U);
  text.push_back(7);
  same_logits(again, text);
  EXPECT_EQ(again.reused(), 1000);
  same_logits(again, std::span(text).first(200));
  EXPECT_EQ(again.reused(), 0);
}

}  // namespace
}  // namespace lathe
