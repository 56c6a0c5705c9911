// Texts that outgrow the context (GenerateOptions::shorten): what follows is what follows the text
// that is left.
#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

#include "lathe/answer_check.h"
#include "lathe/conversation.h"
#include "lathe/generate.h"
#include "lathe/speculation.h"

#include "support/refusal.h"
#include "unit/engine/small_model.h"

namespace lathe {
namespace {

using test::error_of;

constexpr std::int64_t kContext = 48;

std::unique_ptr<Session> short_session() {
  SessionOptions options;
  options.threads = 1;
  options.max_tokens = kContext;
  return Session::create(small_model().model, options);
}

// Of a text beyond the context the first `kept` and the newest tokens; each such text goes to
// `texts`.
GenerateOptions shifting(std::int64_t tokens, std::int64_t kept,
                         std::vector<std::vector<TokenId>>& texts) {
  GenerateOptions options;
  options.max_tokens = tokens;
  options.ignore_eos = true;
  options.shorten = [kept, &texts](std::span<const TokenId> text, std::int64_t,
                                   std::int64_t context) {
    texts.push_back(keep_ends(text, kept, context));
    return texts.back();
  };
  return options;
}

// The answer as generate() gives it piece by piece, each to a prompt that has a place.
std::vector<TokenId> in_pieces(std::vector<TokenId> text, std::int64_t tokens, std::int64_t kept) {
  std::vector<TokenId> out;
  while (std::ssize(out) < tokens) {
    GenerateOptions options;
    options.max_tokens = std::min(kContext - std::ssize(text) + 1, tokens - std::ssize(out));
    options.ignore_eos = true;
    const auto session = short_session();
    const Generation piece = generate(*session, *small_model().tokenizer, text, options);
    out.insert(out.end(), piece.ids.begin(), piece.ids.end());
    text.insert(text.end(), piece.ids.begin(), piece.ids.end());
    text = keep_ends(text, kept, kContext);
  }
  return out;
}

TEST(KeepEnds, TheFirstAndTheNewest) {
  const std::vector<TokenId> text = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  using Ids = std::vector<TokenId>;
  EXPECT_EQ(keep_ends(text, 0, 9), (Ids{6, 7, 8, 9}));
  EXPECT_EQ(keep_ends(text, 2, 9), (Ids{0, 1, 7, 8, 9}));
  EXPECT_EQ(keep_ends(text, 7, 9), (Ids{0, 1, 2, 3, 4, 5, 6, 9}));
  EXPECT_EQ(keep_ends(text, 8, 9), Ids());
  EXPECT_EQ(keep_ends(text, 80, 9), Ids());
}

TEST(Shorten, GoesOnAsFromTheTextThatIsLeft) {
  const std::vector<TokenId> prompt = village_prompt(3, 12);
  ASSERT_LT(std::ssize(prompt), kContext);
  for (const std::int64_t kept : {0, 5}) {
    const std::vector<TokenId> want = in_pieces(prompt, 150, kept);
    std::vector<std::vector<TokenId>> texts;
    const auto session = short_session();
    const Generation got =
        generate(*session, *small_model().tokenizer, prompt, shifting(150, kept, texts));
    EXPECT_EQ(got.ids, want);
    EXPECT_EQ(got.reason, FinishReason::kLength);
    EXPECT_EQ(got.shortened, std::ssize(texts));
    EXPECT_GE(texts.size(), 4U);
    for (const std::vector<TokenId>& text : texts) {
      EXPECT_EQ(std::ssize(text), kept + (kContext - kept) / 2);
      EXPECT_TRUE(std::equal(text.begin(), text.begin() + kept, prompt.begin()));
    }
    EXPECT_EQ(got.prompt_tokens, std::ssize(prompt));
    EXPECT_EQ(session->kv_usage().tokens_stored, 0);

    // With drafts, and in a conversation.
    Speculator speculator;
    EXPECT_EQ(generate(*session, *small_model().tokenizer, prompt, shifting(150, kept, texts), {},
                       &speculator)
                  .ids,
              want);
    Conversation talk(*session, small_model().tokenizer);
    EXPECT_EQ(talk.generate(prompt, shifting(150, kept, texts), {}, &speculator).ids, want);
    const std::vector<TokenId> held(talk.tokens().begin(), talk.tokens().end());
    EXPECT_LE(std::ssize(held), kContext);
    EXPECT_TRUE(std::equal(held.rbegin(), held.rend() - kept, want.rbegin() + 1));
  }
}

TEST(Shorten, DrawsGoOn) {
  const std::vector<TokenId> prompt = village_prompt(3, 12);
  std::vector<std::vector<TokenId>> texts;
  GenerateOptions options = shifting(150, 4, texts);
  options.sampling.temperature = 1.2;
  options.sampling.seed = 5;
  const auto session = short_session();
  const auto once = generate(*session, *small_model().tokenizer, prompt, options).ids;
  Speculator speculator;
  EXPECT_EQ(generate(*session, *small_model().tokenizer, prompt, options, {}, &speculator).ids,
            once);
  EXPECT_EQ(once.size(), 150U);
}

TEST(Shorten, APromptWithoutAPlace) {
  const std::vector<TokenId> prompt = village_prompt(4, 60);
  ASSERT_GT(std::ssize(prompt), kContext);
  std::vector<std::vector<TokenId>> texts;
  const auto session = short_session();
  const Generation got =
      generate(*session, *small_model().tokenizer, prompt, shifting(3, 6, texts));
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_EQ(texts[0], keep_ends(prompt, 6, kContext));
  EXPECT_EQ(got.ids, in_pieces(texts[0], 3, 6));
  EXPECT_EQ(got.prompt_tokens, std::ssize(texts[0]));

  // Nobody who shortens it, or not enough.
  GenerateOptions options;
  EXPECT_EQ(error_of([&] { generate(*session, *small_model().tokenizer, prompt, options); }),
            ErrorCode::kLimit);
  options.shorten = [](std::span<const TokenId> text, std::int64_t, std::int64_t) {
    return std::vector<TokenId>(text.begin(), text.end() - 1);
  };
  EXPECT_EQ(error_of([&] { generate(*session, *small_model().tokenizer, prompt, options); }),
            ErrorCode::kLimit);
}

TEST(Shorten, NothingLeftEndsTheAnswer) {
  const std::vector<TokenId> prompt = village_prompt(3, 12);
  std::int64_t asked = -1;
  GenerateOptions options;
  options.max_tokens = 150;
  options.ignore_eos = true;
  options.shorten = [&asked](std::span<const TokenId>, std::int64_t answer, std::int64_t) {
    asked = answer;
    return std::vector<TokenId>();
  };
  const auto session = short_session();
  const Generation got = generate(*session, *small_model().tokenizer, prompt, options);
  EXPECT_EQ(got.reason, FinishReason::kContext);
  EXPECT_EQ(asked, std::ssize(got.ids));
  EXPECT_EQ(std::ssize(got.ids), kContext - std::ssize(prompt) + 1);
  EXPECT_EQ(got.shortened, 0);
}

TEST(Shorten, NotWhereAnswersAreJudgedOrInAnEngine) {
  std::vector<std::vector<TokenId>> texts;
  GenerateOptions options = shifting(3, 0, texts);
  const auto engine = Engine::create(small_model().model, small_model().tokenizer);
  Request request;
  request.prompt = village_prompt(3, 12);
  request.options = options;
  EXPECT_EQ(error_of([&] { engine->submit(request); }), ErrorCode::kUsage);
  options.check = std::make_shared<AnswerCheck>();
  const auto session = short_session();
  EXPECT_EQ(
      error_of([&] { generate(*session, *small_model().tokenizer, request.prompt, options); }),
      ErrorCode::kUsage);
}

}  // namespace
}  // namespace lathe
