#include "generate/decode.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include "lathe/model_config.h"

#include "fake_model.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

const std::vector<TokenId> kPrompt = {FakeTokenizer::kBos, 'h', 'i'};

Generation answer(FakeLogits logits, const GenerateOptions& options = {},
                  const TextCallback& on_text = {}, std::int64_t context = 1000) {
  return FakeModel(context, std::move(logits)).run(kPrompt, options, on_text);
}

TEST(Generate, EndsAtTheEndToken) {
  const Generation result = answer(saying("Hello", 3));
  EXPECT_EQ(result.text, "Hello");
  EXPECT_EQ(result.ids, (std::vector<TokenId>{'H', 'e', 'l', 'l', 'o'}));
  EXPECT_EQ(result.reason, FinishReason::kStop);
  EXPECT_EQ(result.end_token, FakeTokenizer::kEos);
  EXPECT_EQ(result.stop_text, "");
  EXPECT_EQ(result.prompt_tokens, 3);
  EXPECT_GE(result.timings.first_token, result.timings.prefill);
}

TEST(Generate, IgnoreEosGoesOn) {
  GenerateOptions options;
  options.ignore_eos = true;
  options.max_tokens = 7;
  const Generation result = answer(saying("Hello", 3), options);
  EXPECT_EQ(result.text, "Hello");  // the end tokens show nothing
  EXPECT_EQ(result.ids.size(), 7u);
  EXPECT_EQ(result.reason, FinishReason::kLength);
}

TEST(Generate, FurtherEndTokensEndToo) {
  GenerateOptions options;
  options.end_tokens = {FakeTokenizer::kTurnEnd};
  const Generation result = answer(saying("ok", 3, FakeTokenizer::kTurnEnd), options);
  EXPECT_EQ(result.text, "ok");
  EXPECT_EQ(result.end_token, FakeTokenizer::kTurnEnd);
}

TEST(Generate, TheTokenizersEndTokenServesWhereTheConfigNamesNone) {
  FakeModel model(100, saying("ab", 3));
  model.config.eos_tokens.clear();
  EXPECT_EQ(model.run(kPrompt).text, "ab");
}

TEST(Generate, StopsAtMaxTokens) {
  GenerateOptions options;
  options.max_tokens = 2;
  const Generation result = answer(saying("Hello", 3), options);
  EXPECT_EQ(result.text, "He");
  EXPECT_EQ(result.reason, FinishReason::kLength);
  options.max_tokens = 0;
  EXPECT_EQ(answer(saying("Hello", 3), options).ids.size(), 0u);
}

// A context of 8 holds the prompt's 3 and the first 5 of the answer; the 6th is read from the
// last position and needs no place of its own.
TEST(Generate, FillsTheContextToItsLastPosition) {
  GenerateOptions options;
  options.max_tokens = -1;
  const Generation result = answer(saying("abcdefghij", 3), options, {}, 8);
  EXPECT_EQ(result.text, "abcdef");
  EXPECT_EQ(result.reason, FinishReason::kContext);
  EXPECT_EQ(answer(saying("abcdefghij", 3), options, {}, 3).text, "a");
}

TEST(Generate, RefusesAPromptLongerThanTheContext) {
  std::string message;
  EXPECT_EQ(error_of([] { answer(saying("x", 3), {}, {}, 2); }, &message), ErrorCode::kLimit);
  EXPECT_NE(message.find("3"), std::string::npos);
  EXPECT_NE(message.find("2"), std::string::npos);
}

TEST(Generate, RefusesAnEmptyPromptAndBadOptions) {
  EXPECT_EQ(error_of([] { FakeModel(100, saying("x", 0)).run({}); }), ErrorCode::kInvalid);
  GenerateOptions options;
  options.max_tokens = -2;
  EXPECT_EQ(error_of([&] { answer(saying("x", 3), options); }), ErrorCode::kUsage);
  options = {};
  options.logprobs = -1;
  EXPECT_EQ(error_of([&] { answer(saying("x", 3), options); }), ErrorCode::kUsage);
  options = {};
  options.sampling.top_p = 2;
  EXPECT_EQ(error_of([&] { answer(saying("x", 3), options); }), ErrorCode::kUsage);
}

TEST(Generate, LogitsThatAreNoNumbersAreAnError) {
  const auto nan = [](std::span<const TokenId>) {
    return std::vector<float>(FakeTokenizer::kVocab, std::nanf(""));
  };
  EXPECT_EQ(error_of([&] { answer(nan); }), ErrorCode::kInvalid);
}

TEST(Generate, StopTextsAreFoundAcrossTokensAndNeverShown) {
  GenerateOptions options;
  options.stop = {"END", "\n\n"};
  std::string shown;
  const auto collect = [&](std::string_view text) {
    shown += text;
    return true;
  };
  const Generation result = answer(saying("some EN ENDless", 3), options, collect);
  EXPECT_EQ(result.text, "some EN ");
  EXPECT_EQ(shown, result.text);
  EXPECT_EQ(result.stop_text, "END");
  EXPECT_EQ(result.reason, FinishReason::kStop);
  EXPECT_EQ(result.ids.size(), 11u);  // with the tokens of the stop text
}

TEST(Generate, TextHeldBackForAStopComesAtTheEnd) {
  GenerateOptions options;
  options.stop = {"END"};
  EXPECT_EQ(answer(saying("abEN", 3), options).text, "abEN");
}

TEST(Generate, ShowsWholeCharactersAndReplacesACutOne) {
  std::vector<std::string> pieces;
  const auto collect = [&](std::string_view text) {
    pieces.emplace_back(text);
    return true;
  };
  EXPECT_EQ(answer(saying("a\xc3\xa9", 3), {}, collect).text, "a\xc3\xa9");
  EXPECT_EQ(pieces, (std::vector<std::string>{"a", "\xc3\xa9"}));
  GenerateOptions options;
  options.max_tokens = 2;
  EXPECT_EQ(answer(saying("a\xc3\xa9", 3), options).text, "a\xef\xbf\xbd");
}

TEST(Generate, TheCallbackCanStopIt) {
  std::string shown;
  const Generation result = answer(saying("abcdef", 3), {}, [&](std::string_view text) {
    shown += text;
    return shown.size() < 3;
  });
  EXPECT_EQ(result.text, "abc");
  EXPECT_EQ(result.reason, FinishReason::kCancelled);
}

TEST(Generate, ReportsLogprobsOfTheModelsOwnDistribution) {
  GenerateOptions options;
  options.logprobs = 2;
  options.sampling.temperature = 0.1;  // changes the draw, not what is reported
  const Generation result = answer(
      [](std::span<const TokenId> ids) {
        std::vector<float> logits(FakeTokenizer::kVocab, -1e4f);
        if (ids.size() > 4) {
          logits[FakeTokenizer::kEos] = 0;
        } else {
          logits['a'] = std::log(0.9f);
          logits['b'] = std::log(0.1f);
        }
        return logits;
      },
      options);
  ASSERT_EQ(result.tokens.size(), 2u);
  EXPECT_EQ(result.tokens[0].id, 'a');
  EXPECT_NEAR(result.tokens[0].logprob, std::log(0.9), 1e-6);
  ASSERT_EQ(result.tokens[0].top.size(), 2u);
  EXPECT_EQ(result.tokens[0].top[1].id, 'b');
  EXPECT_NEAR(result.tokens[0].top[1].logprob, std::log(0.1), 1e-6);
}

TEST(Generate, LogitsThatAreNoNumbersEndTheRun) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity}) {
    const auto some = [bad](std::span<const TokenId>) {
      std::vector<float> logits(FakeTokenizer::kVocab, 0.0f);
      logits['z'] = bad;
      return logits;
    };
    try {
      answer(some, {});
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalid);
      EXPECT_NE(std::string(error.what()).find("are not numbers"), std::string::npos);
    }
  }
}

TEST(Generate, SameSeedSameText) {
  const auto flat = [](std::span<const TokenId>) {
    return std::vector<float>(FakeTokenizer::kVocab, 0.0f);
  };
  GenerateOptions options;
  options.sampling.temperature = 1;
  options.sampling.seed = 77;
  options.max_tokens = 30;
  options.ignore_eos = true;
  const Generation first = answer(flat, options);
  EXPECT_EQ(first.ids, answer(flat, options).ids);
  options.sampling.seed = 78;
  EXPECT_NE(first.ids, answer(flat, options).ids);
}

TEST(Generate, AHookSeesAndChangesLogits) {
  GenerateOptions options;
  options.logprobs = 1;
  std::string seen;
  options.edit_logits = [&](std::span<float> logits, const ChoicePoint& at) {
    EXPECT_EQ(at.prompt_tokens, 3);
    EXPECT_EQ(at.sample, 0);
    for (const TokenId id : at.tokens.subspan(3)) seen += static_cast<char>(id);
    seen += '/';
    EXPECT_EQ(logits.size(), std::size_t{FakeTokenizer::kVocab});
    logits['l'] = -std::numeric_limits<float>::infinity();
  };
  const Generation result = answer(saying("Help", 3), options);
  // The forbidden letter gives way to the lowest of the others, which are all alike.
  EXPECT_EQ(result.text, std::string("He\0p", 4));
  EXPECT_EQ(seen, std::string("/H/He/He\0/He\0p/", 15));
  ASSERT_EQ(result.tokens.size(), 4u);
  EXPECT_EQ(result.tokens[2].top[0].id, 'l');  // the model's own
  EXPECT_LT(result.tokens[2].logprob, result.tokens[2].top[0].logprob);
}

TEST(Generate, AHookMayForbidAllOrFail) {
  GenerateOptions options;
  options.edit_logits = [](std::span<float> logits, const ChoicePoint&) {
    std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
  };
  test::expect_refused(ErrorCode::kInvalid, "all are forbidden",
                       [&] { answer(saying("Help", 3), options); });
  options.edit_logits = [](std::span<float>, const ChoicePoint&) {
    throw Error(ErrorCode::kUnsupported, "no");
  };
  EXPECT_EQ(error_of([&] { answer(saying("Help", 3), options); }), ErrorCode::kUnsupported);
}

// What a batch scheduler does: the prompt in pieces, other requests in between.
TEST(GenerationState, CanBeFedInPieces) {
  const FakeTokenizer tokenizer;
  ModelConfig config;
  config.eos_tokens = {FakeTokenizer::kEos};
  const FakeLogits logits = saying("yes", 3);
  GenerationState state(tokenizer, config, 100, kPrompt, {});
  EXPECT_EQ(std::vector<TokenId>(state.input().begin(), state.input().end()), kPrompt);
  std::vector<TokenId> sequence;
  while (!state.finished()) {
    for (const TokenId id : state.input()) sequence.push_back(id);
    EXPECT_EQ(sequence, std::vector<TokenId>(state.history().begin(), state.history().end()));
    state.accept(logits(sequence));
    if (!state.finished()) {
      EXPECT_EQ(state.input().size(), 1u);
    }
  }
  EXPECT_EQ(state.take().text, "yes");
}

}  // namespace
}  // namespace lathe
