// The known chat formats. Sources: the chat templates that the models' publishers ship in
// tokenizer_config.json, and their model cards.
#include <array>
#include <utility>

#include "tokenizer/chat/format.h"

namespace lathe {
namespace {

const std::string kBos(1, kBosMark);
const std::string kEos(1, kEosMark);

ChatFormat chatml() {
  ChatFormat f;
  f.family = "chatml";
  f.end_marks = {"<|im_end|>"};
  f.system = {"<|im_start|>system\n", "<|im_end|>\n"};
  f.user = {"<|im_start|>user\n", "<|im_end|>\n"};
  f.assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"};
  f.generation = "<|im_start|>assistant\n";
  f.eos = "<|im_end|>";
  return f;
}

// Phi-4: ChatML with a separator token in place of the newline.
ChatFormat chatml_sep() {
  ChatFormat f = chatml();
  f.system = {"<|im_start|>system<|im_sep|>", "<|im_end|>"};
  f.user = {"<|im_start|>user<|im_sep|>", "<|im_end|>"};
  f.assistant = {"<|im_start|>assistant<|im_sep|>", "<|im_end|>"};
  f.generation = "<|im_start|>assistant<|im_sep|>";
  return f;
}

ChatFormat llama2() {
  ChatFormat f;
  f.family = "llama2";
  f.user = {kBos + "[INST] ", " [/INST]", true};
  f.assistant = {" ", " " + kEos, true};
  f.system = {"<<SYS>>\n", "\n<</SYS>>\n\n"};
  f.trims_folded = true;
  f.system_place = SystemPlace::kFirstUser;
  f.alternates = true;
  return f;
}

ChatFormat llama3() {
  ChatFormat f;
  f.family = "llama3";
  f.end_marks = {"<|eot_id|>"};
  f.bos = "<|begin_of_text|>";
  f.eos = "<|eot_id|>";
  f.opening = kBos;
  f.system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>", true};
  f.user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>", true};
  f.assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>", true};
  f.generation = "<|start_header_id|>assistant<|end_header_id|>\n\n";
  return f;
}

// `open` and `close` are what surrounds the user's text, `answer` what stands before the
// assistant's: the versions differ in spaces only, and in where the system message goes.
ChatFormat mistral(std::string open, std::string close, std::string answer, SystemPlace place) {
  ChatFormat f;
  f.family = "mistral";
  f.opening = kBos;
  f.user = {std::move(open), std::move(close)};
  f.assistant = {std::move(answer), kEos};
  f.system = {"", "\n\n"};
  f.system_place = place;
  f.alternates = true;
  return f;
}

ChatFormat mistral_v7() {
  ChatFormat f = mistral("[INST]", "[/INST]", "", SystemPlace::kTurn);
  f.system = {"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"};
  f.alternates = false;
  return f;
}

ChatFormat gemma() {
  ChatFormat f;
  f.family = "gemma";
  f.end_marks = {"<end_of_turn>"};
  f.bos = "<bos>";
  f.eos = "<eos>";
  f.opening = kBos;
  f.user = {"<start_of_turn>user\n", "<end_of_turn>\n", true};
  f.assistant = {"<start_of_turn>model\n", "<end_of_turn>\n", true};
  f.generation = "<start_of_turn>model\n";
  f.system = {"", "\n\n"};
  f.system_place = SystemPlace::kFirstUser;
  f.alternates = true;
  return f;
}

ChatFormat phi3() {
  ChatFormat f;
  f.family = "phi3";
  f.end_marks = {"<|end|>"};
  f.eos = "<|endoftext|>";
  f.system = {"<|system|>\n", "<|end|>\n"};
  f.user = {"<|user|>\n", "<|end|>\n"};
  f.assistant = {"<|assistant|>\n", "<|end|>\n"};
  f.generation = "<|assistant|>\n";
  f.closing = kEos;
  return f;
}

// Phi-4-mini: without newlines.
ChatFormat phi4_mini() {
  ChatFormat f = phi3();
  f.system = {"<|system|>", "<|end|>"};
  f.user = {"<|user|>", "<|end|>"};
  f.assistant = {"<|assistant|>", "<|end|>"};
  f.generation = "<|assistant|>";
  return f;
}

ChatFormat zephyr() {
  ChatFormat f;
  f.family = "zephyr";
  f.system = {"<|system|>\n", kEos + "\n"};
  f.user = {"<|user|>\n", kEos + "\n"};
  f.assistant = {"<|assistant|>\n", kEos + "\n"};
  f.generation = "<|assistant|>\n";
  return f;
}

// DeepSeek-V2.5, V3, R1.
ChatFormat deepseek() {
  ChatFormat f;
  f.family = "deepseek";
  f.bos = "<｜begin▁of▁sentence｜>";
  f.eos = "<｜end▁of▁sentence｜>";
  f.opening = kBos;
  f.system = {"", ""};
  f.system_place = SystemPlace::kLeadingTurn;
  f.user = {"<｜User｜>", ""};
  f.assistant = {"<｜Assistant｜>", kEos};
  f.generation = "<｜Assistant｜>";
  return f;
}

// DeepSeek LLM and V2.
ChatFormat deepseek_llm() {
  ChatFormat f = deepseek();
  f.system = {"", "\n\n"};
  f.system_place = SystemPlace::kTurn;
  f.user = {"User: ", "\n\n"};
  f.assistant = {"Assistant: ", kEos};
  f.generation = "Assistant:";
  return f;
}

ChatFormat deepseek_coder() {
  ChatFormat f = deepseek();
  f.end_marks = {"<|EOT|>"};
  f.eos = "<|EOT|>";
  f.user = {"### Instruction:\n", "\n"};
  f.assistant = {"### Response:\n", "\n<|EOT|>\n"};
  f.generation = "### Response:\n";
  return f;
}

using Entry = std::pair<const char*, std::shared_ptr<const ChatFormat>>;

const auto& entries() {
  const auto share = [](ChatFormat format) {
    return std::make_shared<const ChatFormat>(std::move(format));
  };
  static const std::array<Entry, 17> table = {{
      {"chatml", share(chatml())},
      {"chatml-sep", share(chatml_sep())},
      {"llama2", share(llama2())},
      {"llama3", share(llama3())},
      {"mistral", share(mistral("[INST] ", "[/INST]", " ", SystemPlace::kLastUser))},
      {"mistral-v1", share(mistral(" [INST] ", " [/INST]", " ", SystemPlace::kFirstUser))},
      {"mistral-v3", share(mistral("[INST] ", "[/INST]", " ", SystemPlace::kLastUser))},
      {"mistral-tekken", share(mistral("[INST]", "[/INST]", "", SystemPlace::kLastUser))},
      {"mistral-v7", share(mistral_v7())},
      {"gemma", share(gemma())},
      {"phi3", share(phi3())},
      {"phi4-mini", share(phi4_mini())},
      {"zephyr", share(zephyr())},
      {"deepseek", share(deepseek())},
      {"deepseek-v3", share(deepseek())},
      {"deepseek-llm", share(deepseek_llm())},
      {"deepseek-coder", share(deepseek_coder())},
  }};
  return table;
}

}  // namespace

std::shared_ptr<const ChatFormat> chat_format_by_name(std::string_view name) {
  for (const auto& [known, format] : entries()) {
    if (name == known) return format;
  }
  return nullptr;
}

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const auto& [name, format] : entries()) names.emplace_back(name);
  return names;
}

}  // namespace lathe
