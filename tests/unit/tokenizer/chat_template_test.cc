// What the templates that come with this program print, and what a template is told.
#include <gtest/gtest.h>

#include "lathe/chat.h"
#include "lathe/chat_json.h"

#include "support/mark_tokenizer.h"
#include "support/refusal.h"
#include "support/temp_folder.h"

namespace lathe {
namespace {

using test::error_of;
using test::MarkTokenizer;
using Messages = std::vector<ChatMessage>;

const Messages kShort = {{"user", "Hello"}};
const Messages kLong = {{"system", "Be brief."},
                        {"user", "Hello"},
                        {"assistant", "Hi there"},
                        {"user", "  Who are you?\n"}};

std::string render(const ChatTemplate& chat, const Messages& messages, bool generation = true,
                   const MarkTokenizer& tokenizer = MarkTokenizer({"<s>", "</s>"})) {
  ChatRequest conversation;
  conversation.messages = messages;
  conversation.add_generation_prompt = generation;
  return chat.render(tokenizer, conversation).text();
}

std::string render(const std::string& name, const Messages& messages, bool generation = true) {
  return render(ChatTemplate::by_name(name), messages, generation);
}

// ---- what each of them prints

TEST(ChatTemplate, Chatml) {
  EXPECT_EQ(render("chatml", kShort), "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render("chatml", kLong),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
            "<|im_start|>assistant\nHi there<|im_end|>\n"
            "<|im_start|>user\n  Who are you?\n<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render("chatml", kShort, false), "<|im_start|>user\nHello<|im_end|>\n");
  EXPECT_EQ(render("chatml-sep", kShort),
            "<|im_start|>user<|im_sep|>Hello<|im_end|><|im_start|>assistant<|im_sep|>");
}

TEST(ChatTemplate, Llama2FoldsTheSystemMessageAndTrims) {
  EXPECT_EQ(render("llama2", kShort), "<s>[INST] Hello [/INST]");
  EXPECT_EQ(render("llama2", kLong),
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHello [/INST] Hi there </s>"
            "<s>[INST] Who are you? [/INST]");
}

TEST(ChatTemplate, Llama3Trims) {
  EXPECT_EQ(render("llama3", kLong),
            "<s><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nHi there<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, MistralsVersionsDifferInSpacesAndInTheSystemMessagesPlace) {
  EXPECT_EQ(render("mistral-v1", kLong),
            "<s> [INST] Be brief.\n\nHello [/INST] Hi there</s> [INST]   Who are you?\n [/INST]");
  EXPECT_EQ(render("mistral-v3", kLong),
            "<s>[INST] Hello[/INST] Hi there</s>[INST] Be brief.\n\n  Who are you?\n[/INST]");
  EXPECT_EQ(render("mistral", kLong), render("mistral-v3", kLong));
  EXPECT_EQ(render("mistral-tekken", kLong),
            "<s>[INST]Hello[/INST]Hi there</s>[INST]Be brief.\n\n  Who are you?\n[/INST]");
  EXPECT_EQ(render("mistral-v7", kLong),
            "<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]Hello[/INST]Hi there</s>"
            "[INST]  Who are you?\n[/INST]");
}

TEST(ChatTemplate, GemmaFoldsTheSystemMessage) {
  EXPECT_EQ(render("gemma", kLong),
            "<s><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n"
            "<start_of_turn>model\nHi there<end_of_turn>\n"
            "<start_of_turn>user\nWho are you?<end_of_turn>\n<start_of_turn>model\n");
}

TEST(ChatTemplate, Phi) {
  EXPECT_EQ(render("phi3", {{"system", "S"}, {"user", "U"}}),
            "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\n");
  EXPECT_EQ(render("phi3", {{"user", "U"}, {"assistant", "A"}}, false),
            "<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n</s>");
  EXPECT_EQ(render("phi4-mini", {{"system", "S"}, {"user", "U"}}),
            "<|system|>S<|end|><|user|>U<|end|><|assistant|>");
}

TEST(ChatTemplate, Zephyr) {
  EXPECT_EQ(render("zephyr", {{"system", "S"}, {"user", "U"}}),
            "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\n");
}

TEST(ChatTemplate, DeepSeeksGenerations) {
  EXPECT_EQ(render("deepseek", kLong),
            "<s>Be brief.<｜User｜>Hello<｜Assistant｜>Hi there</s><｜User｜>  Who are you?\n"
            "<｜Assistant｜>");
  EXPECT_EQ(render("deepseek-v3", kLong), render("deepseek", kLong));
  EXPECT_EQ(render("deepseek-llm", {{"system", "S"}, {"user", "U"}, {"assistant", "A"}}),
            "<s>S\n\nUser: U\n\nAssistant: A</s>Assistant:");
  EXPECT_EQ(render("deepseek-coder", {{"user", "U"}, {"assistant", "A"}, {"user", "V"}}),
            "<s>### Instruction:\nU\n### Response:\nA\n<|EOT|>\n### Instruction:\nV\n"
            "### Response:\n");
}

TEST(ChatTemplate, TrimsTheWhiteSpaceThatPythonTrims) {
  EXPECT_EQ(render("gemma", {{"user", "\xe3\x80\x80\xc2\xa0 a b\t\r\n"}}, false),
            "<s><start_of_turn>user\na b<end_of_turn>\n");
  EXPECT_EQ(render("gemma", {{"user", " \n"}}, false), "<s><start_of_turn>user\n<end_of_turn>\n");
  // Bytes that are no characters are no white space.
  EXPECT_EQ(render("gemma", {{"user", " \xff "}}, false),
            "<s><start_of_turn>user\n\xff<end_of_turn>\n");
}

TEST(ChatTemplate, TakesPartsOfText) {
  const ChatMessage parts =
      parse_chat(
          R"([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}])",
          "test")
          .messages.front();
  EXPECT_EQ(parts.content, "ab");
  EXPECT_EQ(render("chatml", {parts}, false), "<|im_start|>user\nab<|im_end|>\n");
}

TEST(ChatTemplate, RefusesRolesOrdersAndToolsThatTheFormatHasNot) {
  EXPECT_EQ(error_of([] { render("chatml", {}); }), ErrorCode::kInvalid);
  std::string message;
  EXPECT_EQ(error_of([] { render("chatml", {{"wizard", "x"}}); }, &message), ErrorCode::kInvalid);
  EXPECT_NE(message.find("wizard"), std::string::npos) << message;
  for (const char* name : {"llama2", "gemma", "mistral-v1"}) {
    EXPECT_EQ(error_of([&] { render(name, {{"user", "a"}, {"user", "b"}}); }), ErrorCode::kInvalid);
    EXPECT_EQ(error_of([&] { render(name, {{"assistant", "a"}}); }), ErrorCode::kInvalid);
    EXPECT_EQ(error_of([&] {
                render(name, {{"user", "a"}, {"assistant", "b"}, {"system", "c"}});
              }),
              ErrorCode::kInvalid);
  }
  ChatRequest tools;
  tools.messages = kShort;
  tools.tools = R"([{"type": "function"}])";
  EXPECT_EQ(error_of([&] {
              ChatTemplate::by_name("chatml").render(MarkTokenizer({"<s>", "</s>"}), tools);
            }),
            ErrorCode::kInvalid);
}

TEST(ChatTemplate, NamesAreAllKnownAndOthersAreRefused) {
  for (const std::string& name : ChatTemplate::names()) {
    EXPECT_FALSE(render(name, kShort).empty()) << name;
  }
  std::string message;
  EXPECT_EQ(error_of([] { ChatTemplate::by_name("alpaca"); }, &message), ErrorCode::kUsage);
  EXPECT_NE(message.find("chatml"), std::string::npos);
}

// ---- the model's own

const std::string kLoop =
    "{{ bos_token }}{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}";

TEST(ChatTemplate, TheModelsOwnIsTaken) {
  const MarkTokenizer tokenizer({"[BOS]", "[EOS]"}, false, kLoop);
  EXPECT_EQ(render(ChatTemplate::of(tokenizer), kShort, true, tokenizer), "[BOS]<|user|>Hello");
  std::string message;
  EXPECT_EQ(error_of(
                [] {
                  ChatTemplate::of(MarkTokenizer({"a", "b"}));
                },
                &message),
            ErrorCode::kUnsupported);
  EXPECT_NE(message.find("no chat template"), std::string::npos);
  EXPECT_EQ(error_of(
                [] {
                  ChatTemplate::of(MarkTokenizer({"a", "b"}, false, "{% if %}"));
                },
                &message),
            ErrorCode::kInvalid);
  EXPECT_NE(message.find("the model's chat template, line 1"), std::string::npos) << message;
}

TEST(ChatTemplate, AConversationWithToolsGetsTheTemplateForTools) {
  const MarkTokenizer tokenizer(
      {"a", "b"}, false, "default",
      {{"rag", "for documents"}, {"tool_use", "{{ tools|length }} tools"}});
  const ChatTemplate chat = ChatTemplate::of(tokenizer);
  ChatRequest conversation;
  conversation.messages = kShort;
  EXPECT_EQ(chat.render(tokenizer, conversation).text(), "default");
  conversation.tools = "[{}, {}]";
  EXPECT_EQ(chat.render(tokenizer, conversation).text(), "2 tools");
  EXPECT_EQ(ChatTemplate::find("rag", tokenizer).render(tokenizer, conversation).text(),
            "for documents");

  const MarkTokenizer only_named({"a", "b"}, false, "", {{"rag", "x"}, {"other", "y"}});
  std::string message;
  EXPECT_EQ(error_of([&] { ChatTemplate::of(only_named); }, &message), ErrorCode::kUnsupported);
  EXPECT_NE(message.find("rag, other"), std::string::npos) << message;

  // A broken one matters to those who need it only.
  const MarkTokenizer broken({"a", "b"}, false, "default", {{"tool_use", "{% if %}"}});
  conversation.tools.clear();
  EXPECT_EQ(ChatTemplate::of(broken).render(broken, conversation).text(), "default");
  conversation.tools = "[]";
  EXPECT_EQ(error_of([&] { ChatTemplate::of(broken).render(broken, conversation); }),
            ErrorCode::kInvalid);
}

TEST(ChatTemplate, AFileIsFoundByItsName) {
  const test::TempFolder folder;
  const std::string path = folder.write("own.jinja", "from a file");
  const MarkTokenizer tokenizer({"a", "b"});
  ChatRequest conversation;
  conversation.messages = kShort;
  EXPECT_EQ(ChatTemplate::find(path, tokenizer).render(tokenizer, conversation).text(),
            "from a file");
  std::string message;
  EXPECT_EQ(error_of([&] { ChatTemplate::find(path + "x", tokenizer); }, &message),
            ErrorCode::kUsage);
  EXPECT_NE(message.find("chatml"), std::string::npos) << message;
}

// ---- what a template is told

std::string told(const std::string& expression, const ChatRequest& conversation) {
  const ChatTemplate chat = ChatTemplate::from_text("{{ " + expression + " }}", "test");
  return chat.render(MarkTokenizer({"<s>", "</s>"}), conversation).text();
}

TEST(ChatVariables, AreThoseThatTransformersPasses) {
  ChatRequest conversation;
  conversation.messages = kShort;
  EXPECT_EQ(told("messages", conversation), "[{'role': 'user', 'content': 'Hello'}]");
  EXPECT_EQ(told("[tools, documents, add_generation_prompt, bos_token, eos_token]", conversation),
            "[None, None, True, '<s>', '</s>']");
  EXPECT_EQ(told("pad_token is defined", conversation), "False");
  conversation.tools = R"([{"b": 1, "a": [1.0, null]}])";
  conversation.template_args = R"({"enable_thinking": false, "bos_token": "x", "documents": []})";
  EXPECT_EQ(told("[tools, documents, bos_token, enable_thinking]", conversation),
            "[[{'b': 1, 'a': [1.0, None]}], [], 'x', False]");
}

TEST(ChatVariables, KeysOfMessagesWithoutAValueAreAbsentAndReasoningHasAllItsNames) {
  ChatRequest conversation;
  conversation.messages = {
      {"assistant", "", R"({"role":"assistant","content":null,"x":[null]})"},
      {"assistant", "", R"({"role":"assistant","reasoning":"r","content":"c"})"}};
  EXPECT_EQ(told("messages[0]", conversation), "{'role': 'assistant', 'x': [None]}");
  EXPECT_EQ(told("messages[1]", conversation),
            "{'thinking': 'r', 'role': 'assistant', 'reasoning': 'r', 'content': 'c', "
            "'reasoning_content': 'r'}");
}

TEST(ChatVariables, ArgumentsCannotStandForTheConversation) {
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) {
    ChatRequest conversation;
    conversation.messages = kShort;
    conversation.template_args = std::string("{\"") + name + "\": 1}";
    EXPECT_EQ(error_of([&] { told("1", conversation); }), ErrorCode::kUsage) << name;
  }
}

TEST(ChatVariables, WrongJsonIsRefused) {
  const auto with = [](const std::string& tools, const std::string& args) {
    ChatRequest conversation;
    conversation.messages = kShort;
    conversation.tools = tools;
    conversation.template_args = args;
    return error_of([&] { told("1", conversation); });
  };
  EXPECT_EQ(with("{}", ""), ErrorCode::kInvalid);
  EXPECT_EQ(with("[", ""), ErrorCode::kInvalid);
  EXPECT_EQ(with("", "[]"), ErrorCode::kInvalid);
  EXPECT_EQ(with("", "{"), ErrorCode::kInvalid);
  EXPECT_EQ(with("", R"({"a": 1, "a": 2})"), ErrorCode::kInvalid);
}

}  // namespace
}  // namespace lathe
