// Sources: the model cards and tokenizer_config.json files of the models that these formats are
// named after, which say what stands around a message. The templates are ours.
#include "tokenizer/chat/builtin.h"

#include <initializer_list>

namespace lathe {
namespace {

std::string join(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) out += part;
  return out;
}

// A message's text, and what none of these formats has a place for.
constexpr std::string_view kStart = R"(
{%- macro text(message) -%}
  {{- message.content if message.content is string else message.content|map(attribute='text')|join }}
{%- endmacro -%}
{%- if tools %}{{ raise_exception('this template has no place for tools') }}{% endif -%}
{%- for message in messages -%}
  {%- if message.role not in ['system', 'user', 'assistant'] -%}
    {{- raise_exception('unknown role "' ~ message.role ~ '"; there are system, user and assistant') }}
  {%- endif -%}
{%- endfor -%}
)";

// The system message, if there is one, is the first.
constexpr std::string_view kSystemFirst = R"(
{%- set system = text(messages[0]) if messages[0].role == 'system' else none -%}
{%- set turns = messages if system is none else messages[1:] -%}
{%- for message in turns if message.role == 'system' -%}
  {{- raise_exception('a system message stands in front of the conversation only') }}
{%- endfor -%}
)";

constexpr std::string_view kAlternate = R"(
{%- for message in turns -%}
  {%- if (message.role == 'user') != (loop.index0 is even) -%}
    {{- raise_exception('user and assistant take turns, the user first') }}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kChatml = R"(
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\n' + text(message) + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif -%}
)";

// Phi-4: ChatML with a separator token in place of the newline.
constexpr std::string_view kChatmlSep = R"(
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '<|im_sep|>' + text(message) + '<|im_end|>' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif -%}
)";

constexpr std::string_view kLlama2 = R"(
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {%- set before = '' if system is none or not loop.first else '<<SYS>>\n' + system + '\n<</SYS>>\n\n' -%}
    {{- bos_token ~ '[INST] ' ~ (before + text(message))|trim ~ ' [/INST]' }}
  {%- else -%}
    {{- ' ' ~ text(message)|trim ~ ' ' ~ eos_token }}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kLlama3 = R"(
{{- bos_token }}
{%- for message in messages -%}
  {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + text(message)|trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif -%}
)";

// The versions differ in spaces around the marks, and in which user message the system message goes
// into: the first, or one that ends the conversation.
std::string mistral(std::string_view open, std::string_view close, std::string_view answer,
                    std::string_view place) {
  return join({kStart, kSystemFirst, kAlternate, R"(
{{- bos_token }}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {%- set before = system + '\n\n' if system is not none and loop.)",
               place, R"( else '' -%}
    {{- ')",
               open, "' + before + text(message) + '", close, R"(' }}
  {%- else -%}
    {{- ')",
               answer, R"(' ~ text(message) ~ eos_token }}
  {%- endif -%}
{%- endfor -%}
)"});
}

constexpr std::string_view kMistralV7 = R"(
{{- bos_token }}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- '[SYSTEM_PROMPT]' + text(message) + '[/SYSTEM_PROMPT]' }}
  {%- elif message.role == 'user' -%}
    {{- '[INST]' + text(message) + '[/INST]' }}
  {%- else -%}
    {{- text(message) ~ eos_token }}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kGemma = R"(
{{- bos_token }}
{%- for message in turns -%}
  {%- set before = system + '\n\n' if system is not none and loop.first else '' -%}
  {%- set role = 'model' if message.role == 'assistant' else 'user' -%}
  {{- '<start_of_turn>' + role + '\n' + before + text(message)|trim + '<end_of_turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif -%}
)";

constexpr std::string_view kPhi3 = R"(
{%- for message in messages -%}
  {{- '<|' + message.role + '|>\n' + text(message) + '<|end|>\n' }}
{%- endfor -%}
{{- '<|assistant|>\n' if add_generation_prompt else eos_token }}
)";

constexpr std::string_view kPhi4Mini = R"(
{%- for message in messages -%}
  {{- '<|' + message.role + '|>' + text(message) + '<|end|>' }}
{%- endfor -%}
{{- '<|assistant|>' if add_generation_prompt else eos_token }}
)";

constexpr std::string_view kZephyr = R"(
{%- for message in messages -%}
  {{- '<|' + message.role + '|>\n' ~ text(message) ~ eos_token ~ '\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif -%}
)";

// DeepSeek-V2.5, V3, R1.
constexpr std::string_view kDeepseek = R"(
{{- bos_token }}{{ system if system is not none }}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {{- '<｜User｜>' + text(message) }}
  {%- else -%}
    {{- '<｜Assistant｜>' ~ text(message) ~ eos_token }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif -%}
)";

// DeepSeek LLM and V2.
constexpr std::string_view kDeepseekLlm = R"(
{{- bos_token }}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- text(message) + '\n\n' }}
  {%- elif message.role == 'user' -%}
    {{- 'User: ' + text(message) + '\n\n' }}
  {%- else -%}
    {{- 'Assistant: ' ~ text(message) ~ eos_token }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif -%}
)";

constexpr std::string_view kDeepseekCoder = R"(
{{- bos_token }}{{ system if system is not none }}
{%- for message in turns -%}
  {%- if message.role == 'user' -%}
    {{- '### Instruction:\n' + text(message) + '\n' }}
  {%- else -%}
    {{- '### Response:\n' + text(message) + '\n<|EOT|>\n' }}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '### Response:\n' }}{% endif -%}
)";

struct Entry {
  std::string_view name;
  std::string (*text)();
};

constexpr Entry kTemplates[] = {
    {"chatml",
     [] {
       return join({kStart, kChatml});
     }},
    {"chatml-sep",
     [] {
       return join({kStart, kChatmlSep});
     }},
    {"llama2",
     [] {
       return join({kStart, kSystemFirst, kAlternate, kLlama2});
     }},
    {"llama3",
     [] {
       return join({kStart, kLlama3});
     }},
    {"mistral", [] { return mistral("[INST] ", "[/INST]", " ", "last"); }},
    {"mistral-v1", [] { return mistral(" [INST] ", " [/INST]", " ", "first"); }},
    {"mistral-v3", [] { return mistral("[INST] ", "[/INST]", " ", "last"); }},
    {"mistral-tekken", [] { return mistral("[INST]", "[/INST]", "", "last"); }},
    {"mistral-v7",
     [] {
       return join({kStart, kMistralV7});
     }},
    {"gemma",
     [] {
       return join({kStart, kSystemFirst, kAlternate, kGemma});
     }},
    {"phi3",
     [] {
       return join({kStart, kPhi3});
     }},
    {"phi4-mini",
     [] {
       return join({kStart, kPhi4Mini});
     }},
    {"zephyr",
     [] {
       return join({kStart, kZephyr});
     }},
    {"deepseek",
     [] {
       return join({kStart, kSystemFirst, kDeepseek});
     }},
    {"deepseek-v3",
     [] {
       return join({kStart, kSystemFirst, kDeepseek});
     }},
    {"deepseek-llm",
     [] {
       return join({kStart, kDeepseekLlm});
     }},
    {"deepseek-coder",
     [] {
       return join({kStart, kSystemFirst, kDeepseekCoder});
     }},
};

}  // namespace

std::optional<std::string> builtin_chat_template(std::string_view name) {
  for (const Entry& entry : kTemplates) {
    if (entry.name == name) return entry.text();
  }
  return std::nullopt;
}

std::vector<std::string> builtin_chat_template_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kTemplates) names.emplace_back(entry.name);
  return names;
}

}  // namespace lathe
