#include "generate/reasoning.h"

#include <gtest/gtest.h>

#include "fake_model.h"
#include "support/mark_tokenizer.h"

namespace lathe {
namespace {

struct Split {
  std::string text, reasoning;
  bool operator==(const Split&) const = default;
};

// An answer in pieces of `size` bytes; what stands in {braces} is a control token.
Split split(const ReasoningMarks& marks, std::string_view answer, std::size_t size) {
  ReasoningSplitter splitter(marks);
  std::string text;
  while (!answer.empty()) {
    if (answer.front() == '{') {
      const std::size_t end = answer.find('}');
      text += splitter.push({}, answer.substr(1, end - 1));
      answer.remove_prefix(end + 1);
      continue;
    }
    const std::string_view piece = answer.substr(0, std::min(size, answer.find('{')));
    text += splitter.push(piece, {});
    answer.remove_prefix(piece.size());
  }
  text += splitter.finish();
  return {text, splitter.reasoning()};
}

void expect_split(const ReasoningMarks& marks, std::string_view answer, const Split& wanted) {
  for (const std::size_t size : {1, 2, 3, 5, 8, 1000}) {
    const Split got = split(marks, answer, size);
    EXPECT_EQ(got.text, wanted.text) << answer << " by " << size;
    EXPECT_EQ(got.reasoning, wanted.reasoning) << answer << " by " << size;
  }
}

ReasoningMarks think(bool open = false) { return {"<think>", "</think>", {}, open}; }

TEST(Reasoning, StandsBetweenItsMarks) {
  expect_split(think(), "<think>\nI think.\n</think>\n\nAn answer.\n",
               {"An answer.\n", "I think."});
  expect_split(think(), "An answer < 7 <thin", {"An answer < 7 <thin", ""});
  expect_split(think(), "{<think>}a{</think>}b{<|x|>}c", {"bc", "a"});
  expect_split(think(), "before <think>a</think> after", {"before  after", "a"});
  expect_split(think(), "<think></think>b", {"b", ""});
}

TEST(Reasoning, MayBeginInThePromptAndNeedNotEnd) {
  expect_split(think(true), "so</think>b", {"b", "so"});
  expect_split(think(true), "so and on</thi", {"", "so and on</thi"});
  expect_split(think(), "<think>so and on", {"", "so and on"});
}

TEST(Reasoning, IsAChannelOfGptOss) {
  const test::MarkTokenizer tokenizer(
      {"<|start|>", "<|end|>", "<|channel|>", "<|message|>", "<|return|>"});
  ChatPrompt prompt;
  prompt.pieces = {{"<|start|>assistant", true}};
  const ReasoningMarks marks = reasoning_marks(tokenizer, prompt);
  EXPECT_FALSE(marks.open);
  expect_split(marks,
               "{<|channel|>}analysis{<|message|>}I think.{<|end|>}{<|start|>}assistant"
               "{<|channel|>}final{<|message|>}An answer.",
               {"An answer.", "I think."});
  expect_split(marks, "{<|channel|>}final{<|message|>}An answer.", {"An answer.", ""});
}

TEST(Reasoning, KnowsMarksThatNoTextShows) {
  EXPECT_TRUE(hides_reasoning_marks(test::MarkTokenizer({"<|channel|>", "<|message|>"})));
  EXPECT_TRUE(hides_reasoning_marks(test::MarkTokenizer({"[THINK]", "[/THINK]"})));
  EXPECT_FALSE(hides_reasoning_marks(test::MarkTokenizer({"<|channel|>", "a"})));
  EXPECT_FALSE(hides_reasoning_marks(FakeTokenizer()));
}

TEST(Reasoning, HasTheMarksThatTheVocabularyHas) {
  ChatPrompt prompt;
  prompt.pieces = {{"<user>", true}, {"<think>", false}, {"<assistant><think>\n", true}};
  const ReasoningMarks usual = reasoning_marks(test::MarkTokenizer({"a", "b"}), prompt);
  EXPECT_EQ(usual.begin, "<think>");
  EXPECT_TRUE(usual.open);
  const ReasoningMarks seed = reasoning_marks(test::MarkTokenizer({"a", "<seed:think>"}), prompt);
  EXPECT_EQ(seed.end, "</seed:think>");
  EXPECT_FALSE(seed.open);
  prompt.pieces.pop_back();  // a user's text opens nothing
  EXPECT_FALSE(reasoning_marks(test::MarkTokenizer({"a", "b"}), prompt).open);
}

TEST(Reasoning, StopTextsAndTheCallbackSeeTheAnswerOnly) {
  const std::vector<TokenId> prompt = {FakeTokenizer::kBos, 'h'};
  GenerateOptions options;
  options.stop = {"x"};
  std::string thought, shown;
  ReasoningMarks marks = think();
  marks.on_text = [&](std::string_view text) { thought += text; };
  options.reasoning = std::make_shared<const ReasoningMarks>(marks);
  const Generation result =
      FakeModel(1000, saying("<think>x y</think>abxc", 2)).run(prompt, options, [&](auto text) {
        shown += text;
        return true;
      });
  EXPECT_EQ(result.text, "ab");
  EXPECT_EQ(shown, "ab");
  EXPECT_EQ(result.reasoning, "x y");
  EXPECT_EQ(thought, "x y");
  EXPECT_EQ(result.stop_text, "x");
}

TEST(Loop, AnAnswerThatRepeatsARunEnds) {
  const std::vector<TokenId> prompt = {FakeTokenizer::kBos, 'h'};
  GenerateOptions options;
  options.max_tokens = 100;
  options.loop_tokens = 12;
  const auto reason = [&](const std::string& text) {
    return FakeModel(1000, saying(text, 2)).run(prompt, options);
  };
  const Generation looped = reason("start abcabcabcabcabcabc");
  EXPECT_EQ(looped.reason, FinishReason::kLoop);
  EXPECT_EQ(looped.text, "start abcabcabcabc");
  EXPECT_EQ(reason("abcdeabcdeabcdeabcde").reason, FinishReason::kStop);  // 5 is more than a third
  EXPECT_EQ(reason("aaaaaaaaaaa").reason, FinishReason::kStop);           // 11 of 12
  options.sampling.temperature = 0.001;
  EXPECT_EQ(reason("aaaaaaaaaaaaaaaaaaaa").reason, FinishReason::kStop);
  options.sampling.temperature = 0;
  options.loop_tokens = 0;
  EXPECT_EQ(reason("aaaaaaaaaaaaaaaaaaaa").reason, FinishReason::kStop);
}

}  // namespace
}  // namespace lathe
