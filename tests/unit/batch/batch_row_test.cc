#include "lathe/batch_row.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>

namespace lathe {
namespace {

BatchRow parse(const std::string& text, const RowDefaults& defaults = {}) {
  return parse_batch_row(text, 7, defaults);
}

BatchRow good(const std::string& text, const RowDefaults& defaults = {}) {
  BatchRow row = parse(text, defaults);
  EXPECT_FALSE(row.error) << row.error->message;
  return row;
}

void expect_bad(const std::string& text, ErrorCode code, const std::string& part,
                const RowDefaults& defaults = {}) {
  const BatchRow row = parse(text, defaults);
  ASSERT_TRUE(row.error) << text;
  EXPECT_EQ(row.error->code, code) << row.error->message;
  EXPECT_NE(row.error->message.find(part), std::string::npos) << row.error->message;
  for (const char c : row.error->message) EXPECT_GE(static_cast<unsigned char>(c), 0x20u);
}

TEST(BatchRow, Prompts) {
  EXPECT_EQ(good(R"({"prompt":"a\nb"})").prompt, "a\nb");
  EXPECT_EQ(good(R"({"prompt":""})").prompt, "");
  EXPECT_EQ(good(R"({"prompt":[1,2,3]})").ids, (std::vector<TokenId>{1, 2, 3}));
  const BatchRow chat = good(
      R"({"messages":[{"role":"developer","content":"S"},
          {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]})");
  ASSERT_EQ(chat.messages.size(), 2u);
  EXPECT_EQ(chat.messages[0].role, "system");
  EXPECT_EQ(chat.messages[1].content, "ab");
}

TEST(BatchRow, AConversationRunsToItsEndUnlessTold) {
  RowDefaults defaults;
  defaults.options.max_tokens = 9;
  EXPECT_EQ(good(R"({"prompt":"a"})", defaults).options.max_tokens, 9);
  const std::string chat = R"({"messages":[{"role":"user","content":"a"}])";
  EXPECT_EQ(good(chat + "}", defaults).options.max_tokens, -1);
  EXPECT_EQ(good(chat + R"(,"max_tokens":4})", defaults).options.max_tokens, 4);
  defaults.chat = true;
  const BatchRow row = good(R"({"prompt":"a"})", defaults);
  ASSERT_EQ(row.messages.size(), 1u);
  EXPECT_EQ(row.options.max_tokens, -1);
  EXPECT_TRUE(good(R"({"prompt":"a","chat":false})", defaults).messages.empty());
}

TEST(BatchRow, SystemMessages) {
  RowDefaults defaults;
  defaults.system = "D";
  const std::string user = R"({"messages":[{"role":"user","content":"a"}])";
  EXPECT_EQ(good(user + "}", defaults).messages.front().content, "D");
  EXPECT_EQ(good(user + R"(,"system":"R"})", defaults).messages.front().content, "R");
  EXPECT_EQ(good(R"({"messages":[{"role":"system","content":"own"},
                     {"role":"user","content":"a"}]})",
                 defaults)
                .messages.front()
                .content,
            "own");
  EXPECT_TRUE(good(R"({"prompt":"a"})", defaults).messages.empty());
  expect_bad(R"({"prompt":"a","system":"S"})", ErrorCode::kInvalid, "conversation");
}

TEST(BatchRow, OptionsByName) {
  const BatchRow row = good(
      R"({"prompt":"x","max_tokens":3,"temperature":0.5,"top_p":0.9,"top_k":40,"min_p":0.1,
          "seed":18446744073709551615,"stop":["a","b"],"ignore_eos":true,"echo":true,
          "special":true,"repeat_penalty":1.5,"repeat_last":-1,"n":3,"logprobs":2,
          "timeout":2.5,"id":[1,"x"],"metadata":{"a":null}})");
  EXPECT_EQ(row.options.max_tokens, 3);
  EXPECT_EQ(row.options.sampling.temperature, 0.5);
  EXPECT_EQ(row.options.sampling.top_p, 0.9);
  EXPECT_EQ(row.options.sampling.top_k, 40);
  EXPECT_EQ(row.options.sampling.min_p, 0.1);
  EXPECT_EQ(row.options.sampling.seed, ~std::uint64_t{0});
  EXPECT_EQ(row.options.sampling.repeat_penalty, 1.5);
  EXPECT_EQ(row.options.sampling.repeat_last, -1);
  EXPECT_EQ(row.options.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(row.options.ignore_eos && row.echo && row.special);
  EXPECT_EQ(row.samples, 3);
  EXPECT_EQ(row.options.logprobs, 2);
  EXPECT_EQ(row.timeout, 2.5);
  EXPECT_EQ(row.id, R"([1,"x"])");
  EXPECT_EQ(row.metadata, R"({"a":null})");
  EXPECT_EQ(good(R"({"prompt":"x","stop":"a"})").options.stop, std::vector<std::string>{"a"});
}

// What the record repeats keeps its numbers' digits and its keys' order.
TEST(BatchRow, IdsAreKeptAsTheyWereWritten) {
  const auto kept = [](const std::string& id) {
    const BatchRow row = good(fmt::format(
        R"({{"user":"id","id" : {0} ,"metadata":{0},"prompt":"x","model":"\"id\":2"}})", id));
    EXPECT_EQ(row.metadata, row.id);
    return row.id;
  };
  for (const std::string id :
       {"123456789012345678901234567890", "-7", "18446744073709551616", "1.10", "-0.0", "-0", "1e5",
        "true", R"("a b")", R"(["a b",1.50])", R"({"z":1.0,"a":[{"id":2}],"q":"\\\" ] "})"}) {
    EXPECT_EQ(kept(id), id);
  }
  EXPECT_EQ(kept("[ 1.5 ,\t{ } ]"), "[1.5,{}]");
}

TEST(BatchRow, NullIsNothing) {
  const BatchRow row = good(
      R"({"id":null,"prompt":"x","messages":null,"stop":null,"temperature":null,"tools":null,
          "whatever":null})");
  EXPECT_EQ(row.id, "");
  EXPECT_EQ(row.prompt, "x");
}

// OpenAI's fields in the setting that asks for nothing, as its library and others add them.
TEST(BatchRow, FieldsThatAskForNothingPass) {
  for (const std::string field :
       {R"("tool_choice":"none")", R"("tool_choice":"auto")", R"("tools":[])", R"("functions":[])",
        R"("function_call":"auto")", R"("modalities":["text"])", R"("suffix":"")",
        R"("prompt_cache_retention":"24h")", R"("tool_choice":null)"}) {
    good(fmt::format(R"({{"prompt":"x",{}}})", field));
  }
  for (const std::string field :
       {R"("name":"Ada")", R"("annotations":[])", R"("tool_calls":[])", R"("refusal":null)",
        R"("audio":null)", R"("function_call":null)"}) {
    const BatchRow row =
        good(fmt::format(R"({{"messages":[{{"role":"user","content":"a",{}}}]}})", field));
    EXPECT_EQ(row.messages.front().content, "a");
  }
  expect_bad(R"({"prompt":"x","tool_choice":"required"})", ErrorCode::kUnsupported, "tool_choice");
  expect_bad(R"({"prompt":"x","tool_choice":{"type":"function"}})", ErrorCode::kUnsupported,
             "auto");
  expect_bad(R"({"prompt":"x","modalities":["text","audio"]})", ErrorCode::kUnsupported, "audio");
  expect_bad(R"({"prompt":"x","suffix":"y"})", ErrorCode::kUnsupported, "suffix");
}

TEST(BatchRow, ToolsCallsAndArgumentsStayAsTheyAreWritten) {
  const BatchRow row = good(
      R"({"messages":[{"role":"user","content":[{"type":"text","text":"a"}],"name":"n","x":null},
          {"role":"assistant","content":null,"tool_calls":[{"n":1.50}],"refusal":null},
          {"role":"developer","content":"d","name":"m"}],
          "tools":[{"b":1, "a":2.0}],"chat_template_kwargs":{"k":1.0},"reasoning_effort":"low"})");
  ASSERT_EQ(row.messages.size(), 3u);
  EXPECT_EQ(row.messages[0].json, R"({"content": "a", "name": "n", "role": "user"})");
  EXPECT_EQ(row.messages[1].json, R"({"role": "assistant", "tool_calls": [{"n":1.50}]})");
  EXPECT_EQ(row.messages[2].role, "system");
  EXPECT_EQ(row.tools, R"([{"b":1,"a":2.0}])");
  EXPECT_EQ(row.template_args, R"({"k": 1.0, "reasoning_effort": "low"})");

  RowDefaults defaults;
  defaults.tools = R"([{"c":1}])";
  defaults.template_args = R"({"k":7,"l":8})";
  const std::string user = R"({"messages":[{"role":"user","content":"a"}])";
  EXPECT_EQ(good(user + "}", defaults).tools, defaults.tools);
  EXPECT_EQ(good(user + R"(,"template_args":{"k":9}})", defaults).template_args,
            R"({"l": 8, "k": 9})");
  expect_bad(user + R"(,"tools":{}})", ErrorCode::kInvalid, "tools");
  expect_bad(user + R"(,"template_args":[]})", ErrorCode::kInvalid, "template_args");
  expect_bad(R"({"prompt":"x","tools":[{}]})", ErrorCode::kUnsupported, "tools");
}

TEST(BatchRow, Logprobs) {
  EXPECT_EQ(good(R"({"prompt":"x","logprobs":true})").options.logprobs, 1);
  EXPECT_EQ(good(R"({"prompt":"x","logprobs":true})").alternatives, 0);
  EXPECT_EQ(good(R"({"prompt":"x","logprobs":true,"top_logprobs":5})").alternatives, 5);
  EXPECT_EQ(good(R"({"prompt":"x","logprobs":0})").options.logprobs, 0);
  RowDefaults defaults;
  defaults.options.logprobs = 4;
  EXPECT_EQ(good(R"({"prompt":"x"})", defaults).alternatives, 4);
  EXPECT_EQ(good(R"({"prompt":"x","logprobs":false})", defaults).options.logprobs, 0);
  expect_bad(R"({"prompt":"x","top_logprobs":5})", ErrorCode::kInvalid, "top_logprobs");
}

TEST(BatchRow, RowsOfOpenAi) {
  const BatchRow chat = good(
      R"({"custom_id":"r","method":"POST","url":"/v1/chat/completions","body":{"model":"m",
          "messages":[{"role":"user","content":"a"}],"max_completion_tokens":5,"stream":false,
          "user":"u","store":true,"verbosity":"medium","presence_penalty":0,"tools":[],
          "response_format":{"type":"text"}}})");
  EXPECT_EQ(chat.form, BatchRow::Form::kOpenAiChat);
  EXPECT_EQ(chat.id, "\"r\"");
  EXPECT_EQ(chat.model, "m");
  EXPECT_EQ(chat.options.max_tokens, 5);
  const BatchRow text =
      good(R"({"custom_id":"r","url":"/v1/completions","body":{"prompt":"p","logprobs":0}})");
  EXPECT_EQ(text.form, BatchRow::Form::kOpenAiText);
  EXPECT_EQ(text.alternatives, 0);

  const auto bad = [](const std::string& url, const std::string& body, ErrorCode code,
                      const std::string& part) {
    const std::string row =
        R"({"custom_id":"r","method":"POST","url":")" + url + R"(","body":)" + body + "}";
    expect_bad(row, code, part);
    EXPECT_EQ(parse(row).id, "\"r\"");  // so that the record has it
  };
  bad("/v1/embeddings", R"({"input":"x"})", ErrorCode::kUnsupported, "/v1/embeddings");
  bad("/v1/completions", R"({"messages":[{"role":"user","content":"a"}]})", ErrorCode::kInvalid,
      "prompt");
  bad("/v1/chat/completions", R"({"prompt":"a"})", ErrorCode::kInvalid, "messages");
  bad("/v1/completions", R"("x")", ErrorCode::kInvalid, "object");
  for (const std::string key :
       {R"("stream":true)", R"("presence_penalty":0.5)", R"("tools":[{}])",
        R"("response_format":{"type":"xml"})", R"("logit_bias":{"1":5})", R"("best_of":4)",
        R"("verbosity":"high")", R"("reasoning_effort":"low")"}) {
    bad("/v1/completions", R"({"prompt":"a",)" + key + "}", ErrorCode::kUnsupported,
        key.substr(1, key.find(':') - 2));
  }
  expect_bad(R"({"custom_id":"r","body":{"prompt":"a"},"extra":1})", ErrorCode::kUnsupported,
             "extra");
}

TEST(BatchRow, MalformedLines) {
  for (const std::string text : {"",
                                 " \t ",
                                 "x",
                                 "{",
                                 "[]",
                                 "null",
                                 "1",
                                 "\"a\"",
                                 R"({"prompt":"a"} x)",
                                 R"({"prompt":"a"}{})",
                                 R"({"prompt":"a","prompt":"b"})",
                                 R"({"prompt":"\ud800"})",
                                 "{\"prompt\":\"\xff\"}",
                                 R"({"prompt":"a","temperature":1e999})",
                                 R"({"prompt":"a","temperature":NaN})",
                                 R"({"prompt":"a",})",
                                 "{\"prompt\":\"a\x1b[31m\"}",
                                 "{}",
                                 R"({"prompt":{}})",
                                 R"({"prompt":[]})",
                                 R"({"messages":[]})",
                                 R"({"messages":[{"role":"user"}]})",
                                 R"({"messages":["a"]})",
                                 R"({"prompt":"a","messages":[{"role":"user","content":"b"}]})",
                                 R"({"prompt":[-1]})",
                                 R"({"prompt":[99999999999]})",
                                 R"({"prompt":"a","stop":[""]})",
                                 R"({"prompt":"a","stop":5})",
                                 R"({"prompt":"a","temperature":-1})",
                                 R"({"prompt":"a","temperature":"1"})",
                                 R"({"prompt":"a","top_p":1.5})",
                                 R"({"prompt":"a","n":0})",
                                 R"({"prompt":"a","n":100000})",
                                 R"({"prompt":"a","seed":-1})",
                                 R"({"prompt":"a","seed":1.5})",
                                 R"({"prompt":"a","max_tokens":-2})",
                                 R"({"prompt":"a","max_tokens":1,"tokens":1})",
                                 R"({"prompt":"a","logprobs":100000})",
                                 R"({"prompt":"a","timeout":-1})",
                                 R"({"prompt":"a","echo":1})"}) {
    expect_bad(text, ErrorCode::kInvalid, "");
  }
  expect_bad(std::string("{\"prompt\":\"a\0\"}", 14), ErrorCode::kInvalid, "NUL");
  expect_bad(std::string(100'000, '['), ErrorCode::kInvalid, "nested");
  expect_bad(R"({"prompt":["a","b"]})", ErrorCode::kUnsupported, "several prompts");
  expect_bad(R"({"prompt":"a","tempereature":1})", ErrorCode::kUnsupported, "tempereature");
  expect_bad(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]})",
             ErrorCode::kUnsupported, "image_url");
  expect_bad(R"({"messages":[{"role":"user","content":"a","function_call":{"name":"b"}}]})",
             ErrorCode::kUnsupported, "function_call");
}

TEST(BatchRow, PlainLines) {
  const RowDefaults defaults;
  EXPECT_EQ(plain_text_row("{\"a\":1}", 1, defaults).prompt, "{\"a\":1}");
  EXPECT_EQ(plain_text_row(" x ", 1, defaults).prompt, " x ");
  const BatchRow blank = plain_text_row("  ", 3, defaults);
  ASSERT_TRUE(blank.error);
  EXPECT_NE(blank.error->message.find("line 3"), std::string::npos);
}

}  // namespace
}  // namespace lathe
