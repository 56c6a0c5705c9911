#include "workers/message.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "lathe/error.h"
#include "lathe/reasoning.h"

#include "unit/engine/small_model.h"
#include "workers/request_message.h"

namespace lathe {
namespace {

Completion some_completion() {
  Completion out;
  out.id = 9;
  out.samples.resize(2);
  out.samples[0].text = std::string("a\0b\xff", 4);
  out.samples[0].ids = {1, 2, 3};
  out.samples[0].tokens = {{1, -0.5, {{4, -1.25}}}};
  out.samples[0].reason = FinishReason::kLoop;
  out.samples[1].complete = false;
  out.continuations = {{{-1.0, -std::numeric_limits<double>::infinity()}, -3.0, false}};
  out.prompt_tokens = 5;
  out.timings.decode = 0.25;
  return out;
}

TEST(WorkerMessage, EachKindComesBackAsItWas) {
  const auto back = decode_message(encode_message(Result{3, true, some_completion()}));
  const auto& result = std::get<Result>(back);
  EXPECT_EQ(result.session, 3U);
  EXPECT_TRUE(result.prompt);
  EXPECT_EQ(result.completion.id, 9U);
  EXPECT_EQ(result.completion.samples[0].text, some_completion().samples[0].text);
  EXPECT_EQ(result.completion.samples[0].tokens[0].top[0].logprob, -1.25);
  EXPECT_EQ(result.completion.samples[0].reason, FinishReason::kLoop);
  EXPECT_FALSE(result.completion.samples[1].complete);
  EXPECT_EQ(result.completion.continuations[0].logprobs,
            some_completion().continuations[0].logprobs);
  EXPECT_EQ(result.completion.timings.decode, 0.25);
  const auto pong = std::get<Pong>(decode_message(encode_message(Pong{1, 2, {5, 6}})));
  EXPECT_EQ(pong.rows, (std::vector<RowId>{5, 6}));
  EXPECT_TRUE(std::holds_alternative<Stranger>(decode_message(encode_message(Stranger{}))));
}

TEST(WorkerMessage, EveryCutAndEveryLongerOneIsRefused) {
  const std::string whole = encode_message(Result{3, false, some_completion()});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THROW(decode_message(std::string_view(whole).substr(0, size)), Error) << size;
  }
  EXPECT_THROW(decode_message(whole + "x"), Error);
}

TEST(WorkerMessage, APartIsInTheMessageOrInMemory) {
  const std::string pages = "keys and values";
  Part part{1, 2, 3, "model", {}, std::nullopt};
  part.part.tokens = 64;
  part.part.pages = std::as_bytes(std::span(pages.data(), pages.size()));
  const auto sent = std::get<Part>(decode_message(encode_message(part)));
  EXPECT_EQ(sent.part.tokens, 64);
  EXPECT_TRUE(std::ranges::equal(sent.part.pages, part.part.pages));
  EXPECT_NE(sent.part.memory, nullptr);
  part.memory = MemoryRange{{4, 5}, 6, 7};
  const auto named = std::get<Part>(decode_message(encode_message(part)));
  EXPECT_TRUE(named.part.pages.empty());
  EXPECT_EQ(named.memory->place, (MemoryPlace{4, 5}));
  EXPECT_EQ(named.memory->size, 7U);
}

TEST(WorkerMessage, SeedsOfTheFuzzerAreMessages) {
  std::size_t kinds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(testdata("fuzz/worker_message"))) {
    SCOPED_TRACE(entry.path());
    const std::string bytes = test::TempFolder::read(entry.path().string());
    EXPECT_EQ(encode_message(decode_message(bytes)), bytes);
    ++kinds;
  }
  EXPECT_GE(kinds, std::variant_size_v<WorkerMessage>);
}

TEST(WorkerMessage, AnotherVersionIsNamed) {
  std::string message = encode_message(Ping{1, 2});
  message[7] = 9;
  try {
    decode_message(message);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(error.message(), "version 9 of the workers' messages is spoken there, and 4 here");
  }
}

TEST(WorkerMessage, ARequestKeepsItsConstraintAndItsReasoning) {
  Request request = some_request(4);
  request.options.stop = {"x", "yz"};
  auto constraint = std::make_shared<AnswerConstraint>();
  const GrammarText text{GrammarText::Kind::kRegex, "[a-z]+"};
  constraint->constraint = Constraint::create(Grammar::create(text, "grammar"),
                                              make_vocabulary(*small_model().tokenizer));
  constraint->finish = true;
  request.options.constraint = constraint;
  auto marks = std::make_shared<ReasoningMarks>();
  marks->begin = "<think>";
  request.options.reasoning = marks;
  request.continuations = {{1, 2}, {3}};

  ConstraintCache constraints(small_model().tokenizer);
  const Request back = receive_request(send_request(request), constraints);
  EXPECT_EQ(back.prompt, request.prompt);
  EXPECT_EQ(back.continuations, request.continuations);
  EXPECT_EQ(back.options.stop, request.options.stop);
  EXPECT_EQ(back.options.sampling.seed, request.options.sampling.seed);
  ASSERT_NE(back.options.constraint, nullptr);
  EXPECT_EQ(back.options.constraint->constraint->grammar().text(), text);
  EXPECT_TRUE(back.options.constraint->finish);
  EXPECT_EQ(back.options.constraint->reasoning, nullptr);
  ASSERT_NE(back.options.reasoning, nullptr);
  EXPECT_EQ(back.options.reasoning->begin, "<think>");
}

}  // namespace
}  // namespace lathe
