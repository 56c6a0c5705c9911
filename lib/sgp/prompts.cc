#include "lathe/sgp/prompts.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "base/checksum.h"

namespace lathe {
namespace {

std::string options_of(const SgpQuestion& question) {
  std::string out;
  for (std::size_t i = 0; i < question.options.size(); ++i) {
    if (i > 0) out += '\n';
    out += static_cast<char>('A' + i);
    out += ") " + question.options[i];
  }
  return out;
}

}  // namespace

const std::string_view kSgpSystemMessage = "You are a large language model trained.";

std::string sgp_user_message(const SgpQuestion& question) {
  if (question.is_choice()) {
    return fmt::format(
        "Answer the following multiple choice question. The last line of your response should be "
        "of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of {}. "
        "Think step by step before answering.\n\n{}\n\n{}",
        question.letters(), question.question, options_of(question));
  }
  return fmt::format(
      "Solve the following problem step by step. The last line of your response should be of the "
      "form Answer: $ANSWER (without quotes) where $ANSWER is the answer to the problem.\n\n{}\n\n"
      "Important, put your answer on its own line after \"Answer:\", and you do not need to use a "
      "\\boxed command.",
      question.question);
}

bool sgp_uses_system_message(std::string_view model_name) {
  const std::string lower = to_lower_ascii(model_name);
  for (const std::string_view family : {"gemma", "mistral", "starcoder"}) {
    if (lower.find(family) != std::string::npos) return false;
  }
  return true;
}

std::vector<ChatMessage> sgp_messages(const SgpQuestion& question, std::string_view system) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) messages.push_back({"system", std::string(system)});
  messages.push_back({"user", sgp_user_message(question)});
  return messages;
}

std::string sgp_judge_message(const SgpQuestion& question, std::string_view response) {
  // Of the question only its last part and the options matter for reading an answer to it.
  return fmt::format(
      "Somebody answered a multiple choice question. Say which of the letters {0} the answer "
      "means; do not solve the question yourself. Write one line of this form and nothing else: "
      "'Extracted answer: $LETTER' (without quotes) where LETTER is one of {0}. If the answer "
      "means none of them, write 'Extracted answer: none'.\n\nQuestion: {1}\n\n{2}\n\nThe answer "
      "begins here.\n\n{3}\n\nThe answer ends here.",
      question.letters(), split_sgp_question(question.question).question, options_of(question),
      response);
}

std::string sgp_prompt_hash(const std::vector<ChatMessage>& messages) {
  Checksum sum;
  for (const ChatMessage& message : messages) {
    sum.add(fmt::format("{}:{}:", message.role, message.content.size()));
    sum.add(message.content);
  }
  return sum.text();
}

}  // namespace lathe
