#include "generate/chat_form.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "lathe/constraint.h"
#include "lathe/host/terminal_text.h"
#include "lathe/reasoning.h"

#include "common/fail.h"
#include "common/given.h"

namespace lathe::tool {
namespace {

// Reasoning that is shown apart from the answer: as it comes, to whoever looks at it.
void show_reasoning(std::string_view text) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  const std::string shown = terminal ? terminal_text(text) : std::string(text);
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, shown.data(), shown.size());
}

}  // namespace

void take_model_reasoning(const Tokenizer& tokenizer, GenerateFlags& flags) {
  const bool chat = flags.chat || flags.jsonl;
  if (chat && !given(flags.reasoning_option) && hides_reasoning_marks(tokenizer)) {
    flags.reasoning = "separate";
  }
}

ChatForm::ChatForm(const Tool& tool, const GenerateFlags& flags, const Tokenizer& tokenizer)
    : tool_(tool),
      flags_(flags),
      tokenizer_(tokenizer),
      chat_(find_chat_template(flags.form, tokenizer)) {
  end_at_turn(chat_, tokenizer, ends_);
}

void ChatForm::complete(ChatRequest& request, bool stored) const {
  add_to_request(flags_.form, request);
  if (!given(flags_.system_option)) return;
  std::vector<ChatMessage>& messages = request.messages;
  if (messages.empty() || messages.front().role != "system") {
    if (stored && !messages.empty()) {
      fail_usage("--system: the conversation began without a system message");
    }
    messages.insert(messages.begin(), {"system", flags_.system});
  } else if (messages.front().content != flags_.system) {
    fail_usage("--system: the conversation has another system message already");
  }
}

Prompt ChatForm::prompt(const ChatRequest& request, GenerateOptions& how) {
  const ChatPrompt prompt = chat_.render(tokenizer_, request);
  if (!said_) {
    warn_of_unused(tool_, chat_, request);
    note_date(tool_, prompt);
    said_ = true;
  }
  how.end_tokens.insert(how.end_tokens.end(), ends_.end_tokens.begin(), ends_.end_tokens.end());
  how.stop.insert(how.stop.end(), ends_.stop.begin(), ends_.stop.end());
  if (how.constraint != nullptr) {  // the answer, not what is thought in front of it
    auto constraint = std::make_shared<AnswerConstraint>(*how.constraint);
    constraint->reasoning =
        std::make_shared<const ReasoningMarks>(reasoning_marks(tokenizer_, prompt));
    how.constraint = std::move(constraint);
  }
  if (flags_.reasoning != "keep") {
    ReasoningMarks marks = reasoning_marks(tokenizer_, prompt);
    if (flags_.reasoning == "separate" && !tool_.common().json()) marks.on_text = show_reasoning;
    how.reasoning = std::make_shared<const ReasoningMarks>(std::move(marks));
  }
  return {chat_.encode(tokenizer_, prompt), prompt.text()};
}

std::vector<TokenId> ChatForm::ids(const ChatRequest& request) const {
  return chat_.encode(tokenizer_, chat_.render(tokenizer_, request));
}

ChatMessage answer_message(const Generation& answer) {
  ChatMessage out{"assistant", answer.text};
  if (answer.reasoning.empty()) return out;
  const nlohmann::ordered_json json = {
      {"role", "assistant"}, {"content", answer.text}, {"reasoning_content", answer.reasoning}};
  out.json = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return out;
}

void note_loop(const Tool& tool, const Generation& answer) {
  if (answer.reason != FinishReason::kLoop) return;
  tool.note(
      "the answer repeated itself, so it was ended; --loop-stop 0 lets it go on, --temp makes it "
      "less likely");
}

}  // namespace lathe::tool
