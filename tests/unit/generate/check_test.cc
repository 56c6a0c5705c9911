// Answers that somebody judges: what is taken back, what stands in its place, and what is left.
#include <gtest/gtest.h>
#include <map>
#include <mutex>

#include "lathe/answer_check.h"

#include "generate/drive.h"
#include "support/refusal.h"
#include "unit/generate/fake_model.h"

namespace lathe {
namespace {

using test::error_of;

class Judge : public AnswerJudge {
 public:
  using Rule = std::function<CheckVerdict(const CheckedText&)>;
  explicit Judge(Rule rule) : rule_(std::move(rule)) {}
  CheckVerdict judge(const CheckedText& text, const std::atomic<bool>&) override {
    asked.push_back(text);
    return rule_(text);
  }
  std::vector<CheckedText> asked;

 private:
  Rule rule_;
};

constexpr CheckVerdict::Kind kAccepted = CheckVerdict::Kind::kAccepted;
constexpr CheckVerdict::Kind kWrong = CheckVerdict::Kind::kWrong;
constexpr CheckVerdict::Kind kOpen = CheckVerdict::Kind::kOpen;
constexpr CheckVerdict::Kind kBroken = CheckVerdict::Kind::kBroken;

// After each beginning of `text` its next character is the best; the others follow it by what
// `leads` says of the place (5 where it says nothing), in the order of the alphabet from 'a'.
FakeLogits preferring(std::string text, std::map<std::size_t, float> leads) {
  return [=](std::span<const TokenId> ids) {
    std::vector<float> logits(FakeTokenizer::kVocab, -20.0f);
    const std::size_t n = ids.size() - 1;
    const bool end = n >= text.size();
    const auto lead = leads.count(n) > 0 ? leads.at(n) : 5.0f;
    for (char c = 'a'; c <= 'z'; ++c) {
      logits[static_cast<std::size_t>(c)] = -lead - 0.01f * static_cast<float>(c - 'a');
    }
    logits[end ? FakeTokenizer::kEos : static_cast<std::size_t>(text[n])] = 0.0f;
    return logits;
  };
}

struct Judged {
  Generation answer;
  std::vector<CheckedText> asked;
  std::string shown;
};

// What drive() does, with a sequence that is a list.
Judged run(const FakeLogits& logits, Judge::Rule rule, const std::string& places,
           GenerateOptions options = {}, std::int64_t tries = 8, const std::string& before = {}) {
  const auto judge = std::make_shared<Judge>(std::move(rule));
  auto check = std::make_shared<AnswerCheck>();
  check->judge = judge;
  check->places = check_places(places);
  check->tries = tries;
  check->before = before;
  options.check = check;
  const FakeModel model(200, logits);
  const FakeTokenizer tokenizer;
  Judged out;
  const TokenId prompt[] = {FakeTokenizer::kBos};
  GenerationState state(tokenizer, model.config, model.context, prompt, options,
                        [&](std::string_view text) {
                          out.shown += text;
                          return true;
                        });
  std::vector<TokenId> sequence;
  while (!state.finished()) {
    if (state.waits()) {
      const std::atomic<bool> given_up = false;
      if (auto known = state.foregone()) {
        state.settle(*std::move(known), -1.0);
      } else {
        state.settle(judge->judge(state.question(), given_up), 0.0);
      }
      EXPECT_LE(state.computed(), std::ssize(sequence));
      sequence.resize(static_cast<std::size_t>(state.computed()));
      continue;
    }
    EXPECT_EQ(std::ssize(sequence), state.computed());
    sequence.insert(sequence.end(), state.input().begin(), state.input().end());
    const auto history = state.history();
    EXPECT_TRUE(std::equal(sequence.begin(), sequence.end(), history.begin(), history.end()));
    state.accept(model.logits(sequence));
  }
  out.answer = state.take();
  out.asked = judge->asked;
  EXPECT_EQ(out.shown, out.answer.text);
  return out;
}

TEST(Check, AnAnswerThatIsAcceptedIsAsWithoutIt) {
  const Judged got = run(
      preferring("ab\ncd", {}), [](const auto&) -> CheckVerdict { return {kAccepted}; }, "line");
  EXPECT_EQ(got.answer.text, "ab\ncd");
  EXPECT_EQ(got.answer.reason, FinishReason::kStop);
  ASSERT_EQ(got.asked.size(), 2u);
  EXPECT_EQ(got.asked[0].text, "ab\n");
  EXPECT_FALSE(got.asked[0].complete);
  EXPECT_EQ(got.asked[1].text, "ab\ncd");
  EXPECT_TRUE(got.asked[1].complete);
  EXPECT_EQ(got.answer.check->judged, 2);
  EXPECT_EQ(got.answer.check->rejected, 0);
  EXPECT_FALSE(got.answer.check->failed);
}

TEST(Check, AGreedyAnswerLeavesTheFailedPathWhereItWasLeastSure) {
  // Place 4 ('d' before others) is the least sure one of the second line.
  const auto no_d = [](const CheckedText& text) -> CheckVerdict {
    return {text.text.find('d') == std::string::npos ? kAccepted : kWrong};
  };
  const Judged got = run(preferring("ab\ncd\ne", {{1, 0.1f}, {4, 0.5f}}), no_d, "line");
  EXPECT_EQ(got.answer.text, "ab\nca\ne");
  EXPECT_EQ(got.answer.check->rejected, 1);
  EXPECT_EQ(got.answer.check->dropped_tokens, 2);  // the d and the line's end
  EXPECT_EQ(got.answer.ids.size(), 7u);
}

TEST(Check, WhatFailedDoesNotComeAgain) {
  // Nothing but a 'q' at place 1 will do: each attempt excludes one character.
  const auto wants_q = [](const CheckedText& text) -> CheckVerdict {
    return {text.text == "aq\n" || text.complete ? kAccepted : kWrong};
  };
  const Judged got = run(preferring("ab\n", {{1, 0.1f}}), wants_q, "line", {}, 100);
  EXPECT_EQ(got.answer.text, "aq\n");
  std::vector<std::string> seen;
  for (const CheckedText& asked : got.asked) {
    EXPECT_EQ(std::count(seen.begin(), seen.end(), asked.text), asked.complete ? 1 : 0);
    seen.push_back(asked.text);
  }
}

TEST(Check, AByteThatIsNamedIsWhereTheTextsPart) {
  const auto rule = [](const CheckedText& text) -> CheckVerdict {
    const std::size_t at = text.text.find('c');
    if (at == std::string::npos) return {kAccepted};
    return {.kind = kWrong, .at = at};
  };
  // Sure of the 'c', and less so of others.
  const Judged got = run(preferring("abcd", {{0, 0.1f}, {3, 0.1f}}), rule, "end", {}, 8);
  EXPECT_EQ(got.answer.text, "abad");
  EXPECT_EQ(got.answer.check->rejected, 1);
}

TEST(Check, AJudgeMaySayWhatIsAllowed) {
  const auto rule = [](const CheckedText& text) -> CheckVerdict {
    if (text.text.size() < 3 || text.text.substr(1, 2) == "xy") return {kAccepted};
    return {.kind = kWrong, .at = 1, .allowed = {"xy", "xz\n\"\\"}};
  };
  const Judged got = run(preferring("abcde", {}), rule, "end");
  EXPECT_EQ(got.answer.text, "axyde");
  EXPECT_EQ(got.answer.check->rejected, 1);
}

TEST(Check, AfterAllTriesTheAttemptThatWentWrongLastStands) {
  // Each attempt goes wrong at another byte; the third is the best.
  int attempt = 0;
  const auto rule = [&](const CheckedText&) -> CheckVerdict {
    static constexpr std::size_t kAt[] = {1, 2, 4, 2};
    const std::size_t at = kAt[std::min(attempt, 3)];
    const std::string message = "attempt " + std::to_string(attempt++);
    return {.kind = kWrong, .at = at, .message = message};
  };
  const Judged got = run(preferring("abcdefg", {}), rule, "end", {}, 3);
  EXPECT_EQ(got.asked.size(), 4u);
  EXPECT_EQ(got.answer.text, got.asked[2].text);
  EXPECT_EQ(got.answer.check->failed, "attempt 2");
  EXPECT_EQ(got.answer.reason, FinishReason::kStop);
  EXPECT_EQ(got.answer.end_token, FakeTokenizer::kEos);
}

TEST(Check, WithoutOneTheFirstAttemptStandsAndGoesOnUnjudged) {
  const auto rule = [](const CheckedText&) -> CheckVerdict {
    return {.kind = kWrong, .message = "no"};
  };
  const Judged got = run(preferring("ab\ncd\nef", {}), rule, "line", {}, 2);
  EXPECT_EQ(got.asked.size(), 3u);
  EXPECT_EQ(got.answer.text, "ab\ncd\nef");
  EXPECT_EQ(got.answer.check->failed, "no");
  const Judged once = run(preferring("ab\ncd\nef", {}), rule, "line", {}, 0);
  EXPECT_EQ(once.asked.size(), 1u);
  EXPECT_EQ(once.answer.text, "ab\ncd\nef");
}

TEST(Check, WhatIsTooEarlyToSayIsNoPlaceToComeBackTo) {
  const auto rule = [](const CheckedText& text) -> CheckVerdict {
    if (text.text.find('b') != std::string::npos && text.text.size() > 5) return {kWrong};
    return {text.complete ? kAccepted : kOpen};
  };
  // The 'b' of the first line is what must go, and no place behind it was accepted.
  const Judged got = run(preferring("ab\ncd\nef", {{1, 0.1f}}), rule, "line");
  EXPECT_EQ(got.answer.text, "aa\ncd\nef");
  // At the end it is as good as a no.
  const auto open = [](const CheckedText&) -> CheckVerdict { return {kOpen}; };
  EXPECT_TRUE(run(preferring("ab", {}), open, "end", {}, 1).answer.check->failed);
}

TEST(Check, AJudgeThatDoesNotWorkLeavesTheAnswerAsItIs) {
  const auto rule = [](const CheckedText&) -> CheckVerdict {
    return {.kind = kBroken, .message = "gone"};
  };
  const Judged got = run(preferring("ab\ncd", {}), rule, "line");
  EXPECT_EQ(got.asked.size(), 1u);
  EXPECT_EQ(got.answer.text, "ab\ncd");
  EXPECT_EQ(got.answer.check->failed, "gone");
  EXPECT_EQ(got.answer.check->rejected, 0);
}

TEST(Check, AnAnswerCanGoBackBehindItsEnd) {
  const auto longer = [](const CheckedText& text) -> CheckVerdict {
    return {text.text.size() > 2 ? kAccepted : kWrong};
  };
  GenerateOptions five;
  five.max_tokens = 5;
  // The end is what it was least sure of: something else comes in its place.
  const Judged got = run(preferring("ab", {{2, 0.1f}}), longer, "end", five);
  EXPECT_EQ(got.answer.text, "aba");
  EXPECT_EQ(got.answer.reason, FinishReason::kStop);
  GenerateOptions stopping;
  stopping.stop = {"c"};
  const Judged stopped = run(preferring("abcd", {{2, 0.1f}}), longer, "end", stopping);
  EXPECT_EQ(stopped.answer.text, "abad");
  EXPECT_EQ(stopped.answer.stop_text, "");
}

TEST(Check, WhatAStopTextMayHideIsNotJudgedYet) {
  std::vector<std::string> texts;
  GenerateOptions options;
  options.stop = {"\n\n"};
  const Judged got = run(
      preferring("ab\nc\n\nd", {}), [](const auto&) -> CheckVerdict { return {kAccepted}; }, "line",
      options);
  ASSERT_EQ(got.asked.size(), 2u);
  EXPECT_EQ(got.asked[0].text, "ab\n");
  EXPECT_EQ(got.asked[1].text, "ab\nc");
  EXPECT_EQ(got.answer.stop_text, "\n\n");
}

TEST(Check, TheTextInFrontCountsForTheJudgeAlone) {
  const auto rule = [](const CheckedText& text) -> CheckVerdict {
    EXPECT_TRUE(text.text.starts_with("> "));
    const std::size_t at = text.text.find('b');
    if (at == std::string::npos) return {kAccepted};
    return {.kind = kWrong, .at = at};
  };
  const Judged got = run(preferring("abc", {{0, 0.1f}}), rule, "end", {}, 8, "> ");
  EXPECT_EQ(got.answer.text, "aac");
}

TEST(Check, DrawsAreTheSameEachTimeAndLogprobsAreThoseOfWhatStands) {
  const auto rule = [](const CheckedText& text) -> CheckVerdict {
    return {text.text.find_first_of("jkl") == std::string::npos ? kAccepted : kWrong};
  };
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    GenerateOptions options;
    options.sampling.temperature = 2.0;
    options.sampling.seed = seed;
    options.logprobs = 1;
    options.max_tokens = 30;
    const Judged first = run(preferring("ab\ncd\nef\ngh", {}), rule, "line", options, 50);
    const Judged again = run(preferring("ab\ncd\nef\ngh", {}), rule, "line", options, 50);
    EXPECT_EQ(first.answer.ids, again.answer.ids);
    EXPECT_EQ(first.answer.text.find_first_of("jkl"), std::string::npos);
    ASSERT_EQ(first.answer.tokens.size(), first.answer.ids.size());
    for (std::size_t i = 0; i < first.answer.ids.size(); ++i) {
      EXPECT_EQ(first.answer.tokens[i].id, first.answer.ids[i]);
    }
  }
}

TEST(Check, ReadsTheAnswersOfAServer) {
  EXPECT_EQ(check_question(3, {"a\"\n", true}),
            "{\"id\":3,\"text\":\"a\\\"\\n\",\"complete\":true}\n");
  EXPECT_EQ(read_check_answer(R"({"id":3,"verdict":"ok"})", 3).kind, kAccepted);
  EXPECT_EQ(read_check_answer(R"({"id":3,"verdict":"open","message":null})", 3).kind, kOpen);
  const CheckVerdict wrong = read_check_answer(
      R"({"verdict":"wrong","at":4,"allowed":["x","yz",""],"message":"no","id":3,"more":[1]})", 3);
  EXPECT_EQ(wrong.kind, kWrong);
  EXPECT_EQ(wrong.at, 4u);
  EXPECT_EQ(wrong.allowed, (std::vector<std::string>{"x", "yz"}));
  EXPECT_EQ(wrong.message, "no");
  for (const char* bad :
       {"", "[]", "{}", R"({"id":4,"verdict":"ok"})", R"({"id":3})", R"({"id":3,"verdict":"yes"})",
        R"({"id":"3","verdict":"ok"})", R"({"id":3,"verdict":"wrong","at":-1})",
        R"({"id":3,"verdict":"wrong","allowed":["x"]})", R"({"id":3,"verdict":"wrong","at":"1"})",
        R"({"id":3,"verdict":"wrong","at":1,"allowed":"x"})", R"({"id":3,"verdict":"ok"} x)"}) {
    EXPECT_EQ(error_of([&] { read_check_answer(bad, 3); }), ErrorCode::kInvalid) << bad;
  }
}

}  // namespace
}  // namespace lathe
