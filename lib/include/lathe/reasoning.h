// The reasoning of models that think before they answer, told apart from the answer.
//
//   options.reasoning = std::make_shared<ReasoningMarks>(reasoning_marks(tokenizer, prompt));
//   Generation answer = generate(...);   // answer.reasoning, and answer.text without it
//
// Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct ReasoningMarks {
  std::string begin, end;            // "<think>" and "</think>"; control tokens as they are spelled
  std::vector<std::string> dropped;  // marks in front of the answer, which belong to neither
  bool open = false;                 // the prompt ends inside of reasoning
  std::string answer = {};           // which of them begins the answer; empty: none does
  // Sees reasoning as it becomes certain. May be empty.
  std::function<void(std::string_view)> on_text = {};
};

// The marks that the vocabulary has: gpt-oss's channels, "<think>" and its kin; "<think>" where it
// has none of them.
LATHE_API ReasoningMarks reasoning_marks(const Tokenizer& tokenizer, const ChatPrompt& prompt);

// Whether those marks are control tokens, which no text shows: what was thought and what is
// answered would stand there as one.
LATHE_API bool hides_reasoning_marks(const Tokenizer& tokenizer);

}  // namespace lathe
