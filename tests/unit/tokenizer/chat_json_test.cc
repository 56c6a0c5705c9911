#include "lathe/chat_json.h"

#include <gtest/gtest.h>

#include "support/mark_tokenizer.h"
#include "support/refusal.h"

namespace lathe {
namespace {

using test::error_of;

TEST(ChatJson, NumbersAndTheOrderOfKeysStay) {
  const ChatRequest request = parse_chat(
      R"({"tools": [{"z": 1.50, "a": 10000000000}], "template_args": {"y": 2.0, "b": null},
          "messages": [{"role": "user", "content": "a"},
                       {"role": "tool", "content": {"t": 7.50}, "name": "n"}],
          "reasoning_effort": "high", "add_generation_prompt": false})",
      "file");
  EXPECT_EQ(request.tools, R"([{"z":1.50,"a":10000000000}])");
  EXPECT_EQ(request.template_args, R"({"reasoning_effort": "high", "b": null, "y": 2.0})");
  EXPECT_FALSE(request.add_generation_prompt);
  ASSERT_EQ(request.messages.size(), 2u);
  EXPECT_EQ(request.messages[0].json, "");
  EXPECT_EQ(request.messages[1].json, R"({"role":"tool","content":{"t":7.50},"name":"n"})");
}

TEST(ChatJson, AnArgumentIsJsonOrAWord) {
  ChatRequest request;
  request.template_args = R"({"a": 1, "b": 2})";
  add_template_argument("a=high", request);
  add_template_argument("c=[1, {\"x\": null}]", request);
  add_template_argument("d=\"7\"", request);
  EXPECT_EQ(request.template_args, R"({"a": "high", "b": 2, "c": [1,{"x":null}], "d": "7"})");
  for (const char* bad : {"a", "=1", "a=", "a=True", "a={", "a=07", "a=-", "a=\"x"}) {
    EXPECT_EQ(error_of([&] { add_template_argument(bad, request); }), ErrorCode::kUsage) << bad;
  }
}

TEST(ChatJson, MessagesAreAppendedToWhatIsThere) {
  const std::vector<ChatMessage> more = {{"user", "q\"\n"},
                                         {"assistant", "x", R"({"role": "assistant", "y": 1.0})"}};
  const std::string fresh = append_chat_messages("", "file", more);
  EXPECT_EQ(fresh,
            "[\n  {\"role\": \"user\", \"content\": \"q\\\"\\n\"},\n"
            "  {\"role\": \"assistant\", \"y\": 1.0}\n]\n");
  EXPECT_EQ(parse_chat(fresh, "file").messages.size(), 2u);
  const std::string object = append_chat_messages(
      R"({"tools": [{"a": 1.50}], "messages": [{"role": "user", "content": "a"}]})", "file", more);
  const ChatRequest request = parse_chat(object, "file");
  EXPECT_EQ(request.messages.size(), 3u);
  EXPECT_EQ(request.tools, R"([{"a":1.50}])");
}

TEST(ChatJson, NamesWhatATemplateDoesNotLookAt) {
  const ChatTemplate chat = ChatTemplate::from_text("{{ mood }}{{ messages }}", "test");
  ChatRequest request =
      parse_chat(R"([{"role": "assistant", "content": "", "tool_calls": [{"x": 1}]}])", "file");
  EXPECT_EQ(unused_by(chat, request), std::vector<std::string>{"tool_calls"});
  request.tools = "[{}]";
  request.template_args = R"({"mood": 1, "other": 2})";
  EXPECT_EQ(unused_by(chat, request), (std::vector<std::string>{"tools", "tool_calls", "other"}));
}

}  // namespace
}  // namespace lathe
