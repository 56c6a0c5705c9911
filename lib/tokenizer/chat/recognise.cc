// Which known format a Jinja template prints.
//
// A template is a program, and this is no interpreter: the family is known by the marks in
// its text, and each member of a family by the expressions that print them. Where a family's
// templates differ, the text must show one of the known ways; anything else is refused.
// Compared with Jinja's output for published templates of every family.
#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/chat/format.h"

namespace lathe {
namespace {

// The template with the escapes of its string literals resolved and double quotes made
// single, so that "\n" and an actual newline, or "user" and 'user', look the same.
std::string normalise(std::string_view jinja) {
  std::string out;
  out.reserve(jinja.size());
  for (std::size_t i = 0; i < jinja.size(); ++i) {
    const char c = jinja[i];
    if (c == '\\' && i + 1 < jinja.size()) {
      const char next = jinja[++i];
      if (next == 'n') {
        out += '\n';
      } else if (next == 't') {
        out += '\t';
      } else {
        out += next;
      }
    } else {
      out += c == '"' ? '\'' : c;
    }
  }
  return out;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

// The program without its spaces, so that "a | trim" and "a|trim" look
// the same. message.content and message['content'] do too.
std::string compact(std::string_view normal) {
  std::string out;
  out.reserve(normal.size());
  for (const char c : normal) {
    if (c != ' ') out += c;
  }
  out = replace_all(out, "message['content']", "message.content");
  out = replace_all(out, "message['role']", "message.role");
  return out;
}

class Recogniser {
 public:
  explicit Recogniser(std::string_view jinja)
      : normal_(normalise(jinja)), tight_(compact(normal_)) {}

  ChatFormat run() {
    if (has("<|im_start|>")) return chatml();
    if (has("<|start_header_id|>")) return llama3();
    if (has("<｜User｜>")) return deepseek();
    if (has("<start_of_turn>")) return gemma();
    if (has("[INST]")) return has("<<SYS>>") ? llama2() : mistral();
    if (has("<|end|>") && has("<|assistant|>")) return phi3();
    if (has("<|user|>") && has("<|assistant|>")) return zephyr();
    if (has("### Instruction:\n") && has("<|EOT|>")) return deepseek_coder();
    if (has("'User: '") && has("'Assistant: '")) return deepseek_llm();
    refuse("it is of no known family");
  }

 private:
  bool has(std::string_view text) const { return normal_.find(text) != std::string::npos; }
  // The same in the program without its spaces.
  bool prints(std::string_view code) const { return tight_.find(code) != std::string::npos; }
  bool prints_any(std::initializer_list<std::string_view> codes) const {
    return std::any_of(codes.begin(), codes.end(), [&](auto code) { return prints(code); });
  }

  [[noreturn]] void refuse(std::string_view why) const {
    fail_unsupported(
        "the model's chat template is not supported: {} (it begins with {}{}); name a format to "
        "use in "
        "its place, or format the prompt by hand",
        why, quoted(normal_.substr(0, 60)), marks_seen());
  }
  void need(bool known, std::string_view what) const {
    if (!known) refuse(fmt::format("it looks like {}, but prints it in an unknown way", what));
  }
  // Switches that change what is printed, of which a plain conversation says nothing.
  void refuse_switches(std::initializer_list<std::string_view> words) const {
    for (const std::string_view word : words) {
      if (has(word)) refuse(fmt::format("its text depends on {}", quoted(word)));
    }
  }

  // What looks like a control token in the text, for the message: ", with "<|a|>", ...".
  std::string marks_seen() const {
    std::vector<std::string> seen;
    for (std::size_t at = 0; at < normal_.size() && seen.size() < 4; ++at) {
      if (normal_[at] != '<' && normal_[at] != '[') continue;
      const char close = normal_[at] == '<' ? '>' : ']';
      const std::size_t length = std::string_view(normal_).substr(at, 40).find(close);
      if (length == std::string_view::npos || length < 4) continue;
      const std::string mark = normal_.substr(at, length + 1);
      const bool plain = std::all_of(mark.begin() + 1, mark.end() - 1, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '|' ||
               c == '/' || (c & 0x80) != 0;
      });
      if (!plain || std::find(seen.begin(), seen.end(), mark) != seen.end()) continue;
      seen.push_back(mark);
    }
    std::string out;
    for (const std::string& mark : seen) out += (out.empty() ? ", with " : ", ") + quoted(mark);
    return out;
  }

  void take_bos(ChatFormat& format) const {
    format.opening = prints("bos_token") ? std::string(1, kBosMark) : std::string();
  }

  // Some templates begin the assistant's turn right after the user's, whatever follows.
  static void invite_with_user(ChatFormat& format) {
    format.user.after += format.generation;
    format.assistant.before.clear();
    format.generation.clear();
  }

  ChatFormat base(std::string_view name) const { return *chat_format_by_name(name); }

  // "<|im_start|>system\nYou are ...<|im_end|>" as one literal is what a conversation without
  // a system message begins with, unless it stands in a branch about tools.
  std::optional<std::string> chatml_default() const {
    constexpr std::string_view kBegin = "<|im_start|>system\n", kEnd = "<|im_end|>";
    for (std::size_t at = 0; (at = normal_.find(kBegin, at)) != std::string::npos;) {
      const std::size_t begin = at + kBegin.size();
      const std::size_t end = normal_.find(kEnd, begin);
      at = begin;
      if (end == std::string::npos) break;
      const std::string text = normal_.substr(begin, end - begin);
      if (text.starts_with('\'') || text.find("' +") != std::string::npos ||
          text.find("'+") != std::string::npos || text.find("}}") != std::string::npos) {
        continue;
      }
      return text;
    }
    return std::nullopt;
  }

  ChatFormat chatml() const {
    need(has("<|im_end|>"), "ChatML");
    refuse_switches({"reasoning_mode", "strftime_now", "<|channel|>"});
    if (prints("enable_thinking") &&
        !prints("ifenable_thinkingisdefinedandenable_thinkingisfalse")) {
      refuse("its text depends on \"enable_thinking\"");
    }
    if (has("<|im_sep|>")) {
      ChatFormat f = base("chatml-sep");
      need(prints("<|im_sep|>'+message.content+'<|im_end|>") && !has("<|im_end|>\n"),
           "ChatML with <|im_sep|>");
      if (has("<|im_end|><|im_start|>assistant<|im_sep|>'")) invite_with_user(f);
      take_bos(f);
      return f;
    }
    need(prints_any({"'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>'",
                     "'<|im_start|>'+message.role+'\n'+content+'<|im_end|>'",
                     "'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>\n'",
                     "'<|im_start|>user\n'+message.content+'<|im_end|>\n'",
                     "'<|im_start|>user\n'+message.content+'<|im_end|>'"}),
         "ChatML");
    need(prints_any({"'<|im_end|>'+'\n'", "<|im_end|>\n"}), "ChatML");
    need(!prints("|trim") && !prints(".strip()"), "ChatML");
    ChatFormat f = base("chatml");
    take_bos(f);
    f.default_system = chatml_default();
    if (has("last_query_index")) {
      f.think = ThinkRule::kDropBeforeUser;
      need(prints("content.split('</think>')[-1].lstrip('\n')"), "ChatML with thoughts");
    } else if (has("</think>") && prints("notloop.last")) {
      f.think = ThinkRule::kDropButLast;
    } else {
      need(!prints("split('</think>')"), "ChatML with thoughts");
    }
    if (has("<|im_start|>assistant\n<think>\n'")) f.generation += "<think>\n";
    return f;
  }

  ChatFormat llama3() const {
    refuse_switches({"enable_thinking", "functions is defined"});
    need(has("<|end_header_id|>\n\n") && has("<|eot_id|>"), "Llama 3");
    ChatFormat f = base("llama3");
    take_bos(f);
    const bool trims = prints("message.content|trim");
    need(trims || prints("message.content+'<|eot_id|>'"), "Llama 3");
    f.user.trim = f.assistant.trim = f.system.trim = trims;
    f.always_invites = !has("add_generation_prompt");
    constexpr std::string_view kDate = "date_string = '";
    if (has("Cutting Knowledge Date: ")) {
      // Llama 3.1 and later print a date. Where the template would ask a clock, the date that
      // it names for programs without one is taken: an answer must not change by the day.
      need(has("{{- 'Cutting Knowledge Date: December 2023\n' }}") &&
               has("{{- 'Today Date: ' + date_string + '\n\n' }}") && has(kDate),
           "Llama 3.1");
      const std::size_t begin = normal_.find(kDate) + kDate.size();
      const std::string date = normal_.substr(begin, normal_.find('\'', begin) - begin);
      f.system_preamble =
          fmt::format("Cutting Knowledge Date: December 2023\nToday Date: {}\n\n", date);
      f.default_system.emplace();
    } else {
      need(!has("tools"), "Llama 3");
      need(!has("<|start_header_id|>system") ||
               prints("<|start_header_id|>system<|end_header_id|>\n\n'+"),
           "Llama 3");
    }
    return f;
  }

  ChatFormat deepseek() const {
    ChatFormat f = base("deepseek");
    need(prints("bos_token") && has("<｜Assistant｜>"), "DeepSeek");
    refuse_switches({"thinking"});
    need(prints_any({"'<｜User｜>'+message.content", "'<｜Assistant｜>'+content"}), "DeepSeek");
    if (prints("'<｜User｜>'+message.content+'<｜end▁of▁sentence｜>'")) {
      f.user.after.assign(1, kEosMark);
    }
    if (prints("content.split('</think>')[-1]")) f.think = ThinkRule::kDrop;
    if (has("<｜Assistant｜><think>\n'")) f.generation += "<think>\n";
    return f;
  }

  ChatFormat gemma() const {
    ChatFormat f = base("gemma");
    take_bos(f);
    need(has("<end_of_turn>\n") && has("<start_of_turn>model\n"), "Gemma");
    need(prints_any({"message.content|trim+'<end_of_turn>\n'", "{{message.content|trim}}",
                     "{{-message.content|trim}}", "{{-message.content|trim-}}"}),
         "Gemma");
    if (has("first_user_prefix")) return f;
    need(has("System role not supported"), "Gemma");
    f.system_place = SystemPlace::kRefused;
    return f;
  }

  ChatFormat llama2() const {
    ChatFormat f = base("llama2");
    need(prints("'<<SYS>>\n'+system_message+'\n<</SYS>>\n\n'+message.content") &&
             prints("content.strip()+'[/INST]'") && prints("+content.strip()+''+eos_token"),
         "Llama 2");
    if (!prints("bos_token+'[INST]'+content.strip()")) {
      need(prints("'[INST]'+content.strip()"), "Llama 2");
      f.user.before = "[INST] ";
      take_bos(f);
    }
    // A default for conversations that have no system message, where it is switched on.
    if (prints("eliftrue==true") || prints("elifUSE_DEFAULT_PROMPT==true")) {
      constexpr std::string_view kSet = "set system_message = '";
      const std::size_t at = normal_.find(kSet, normal_.find("elif"));
      const std::size_t end = normal_.find("' %}", at);
      need(at != std::string::npos && end != std::string::npos, "Llama 2");
      f.default_system = normal_.substr(at + kSet.size(), end - at - kSet.size());
    }
    return f;
  }

  // Whether the mark is followed (or with `before`, preceded) by a space inside of its literal,
  // everywhere in the same way.
  bool spaced(std::string_view mark, bool before) const {
    int with = 0, without = 0;
    for (std::size_t at = 0; (at = normal_.find(mark, at)) != std::string::npos; ++at) {
      const std::size_t next = before ? at - 1 : at + mark.size();
      if (at == 0 || next >= normal_.size()) continue;
      (normal_[next] == ' ' ? with : without)++;
    }
    need(with == 0 || without == 0, "Mistral's");
    return with > 0;
  }

  ChatFormat mistral() const {
    need(has("[/INST]") && prints("bos_token") && prints("eos_token"), "Mistral's");
    const bool turn = has("[SYSTEM_PROMPT]");
    ChatFormat f = base(turn ? "mistral-v7" : "mistral-v3");
    f.user.before = fmt::format("{}[INST]{}", spaced("[INST]", true) ? " " : "",
                                spaced("[INST]", false) ? " " : "");
    f.user.after = spaced("[/INST]", true) ? " [/INST]" : "[/INST]";
    const bool answer_trimmed = prints("message.content|trim+eos_token");
    need(answer_trimmed || prints("message.content+eos_token"), "Mistral's");
    f.assistant.trim = answer_trimmed;
    const bool answer_spaced = has("' ' + message['content']") || has("' ' + message.content");
    f.assistant.before = answer_spaced ? " " : "";
    if (has("eos_token + ' '")) f.assistant.after += ' ';
    f.alternates = has("alternate");
    if (turn) {
      const std::string open = spaced("[SYSTEM_PROMPT]", false) ? " " : "";
      f.system.before = "[SYSTEM_PROMPT]" + open;
      if (f.alternates) f.system_place = SystemPlace::kLeadingTurn;
      // Its default is a page long and mostly tells today's date.
      f.needs_system = has("default_system_message");
    } else if (has("loop.first and system_message")) {
      f.system_place = SystemPlace::kFirstUser;
    } else if (has("loop.last and system_message")) {
      f.system_place = SystemPlace::kLastUser;
    } else {
      need(!has("system_message"), "Mistral's");
      f.system_place = SystemPlace::kRefused;
    }
    if (f.system_place == SystemPlace::kFirstUser || f.system_place == SystemPlace::kLastUser) {
      need(prints("+system_message+'\n\n'+message.content"), "Mistral's");
    }
    return f;
  }

  ChatFormat phi3() const {
    refuse_switches({"<|start|>", "<|channel|>", "enable_thinking"});
    const bool lines = prints_any({"<|end|>\n", "<|end|>'+'\n'"});
    ChatFormat f = base(lines ? "phi3" : "phi4-mini");
    if (lines) {
      need(prints_any({"<|user|>\n'+message.content", "<|user|>'+'\n'+message.content",
                       "'<|'+message.role+'|>'+'\n'+message.content"}),
           "Phi-3");
    } else {
      need(prints("'<|'+message.role+'|>'+message.content+'<|end|>'"), "Phi-4-mini");
    }
    take_bos(f);
    if (!has("add_generation_prompt")) {
      need(prints_any({"<|end|>'+'\n'+'<|assistant|>'+'\n'", "<|end|>\n<|assistant|>\n'"}),
           "Phi-3");
      invite_with_user(f);
    }
    f.invites_after_answer = !prints("add_generation_promptandmessages[-1]['role']!='assistant'");
    if (!prints_any({"{%else%}{{eos_token}}", "{%-else%}{{-eos_token}}"})) f.closing.clear();
    if (!has("system") && !prints("'<|'+message.role")) f.system_place = SystemPlace::kRefused;
    return f;
  }

  ChatFormat zephyr() const {
    ChatFormat f = base("zephyr");
    need(prints("'<|user|>\n'+message.content+eos_token") &&
             prints("'<|assistant|>\n'+message.content+eos_token"),
         "Zephyr");
    take_bos(f);
    return f;
  }

  ChatFormat deepseek_llm() const {
    ChatFormat f = base("deepseek-llm");
    need(prints("'User:'+message.content+'\n\n'") &&
             prints("'Assistant:'+message.content+eos_token") && prints("message.content+'\n\n'"),
         "DeepSeek");
    take_bos(f);
    return f;
  }

  ChatFormat deepseek_coder() const {
    ChatFormat f = base("deepseek-coder");
    need(prints("'###Instruction:\n'+message.content+'\n'") &&
             prints("'###Response:\n'+message.content+'\n<|EOT|>\n'"),
         "DeepSeek Coder");
    take_bos(f);
    constexpr std::string_view kDefault = "{{'You are";
    if (const std::size_t at = normal_.find(kDefault); at != std::string::npos) {
      const std::size_t end = normal_.find("'}}", at);
      need(end != std::string::npos, "DeepSeek Coder");
      f.default_system = normal_.substr(at + 3, end - at - 3);
    }
    return f;
  }

  std::string normal_;
  std::string tight_;
};

}  // namespace

ChatFormat recognise_chat_format(std::string_view jinja) { return Recogniser(jinja).run(); }

}  // namespace lathe
