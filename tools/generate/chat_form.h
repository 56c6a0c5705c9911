// From messages to what the model reads, and how its answer ends.
#pragma once

#include <string>
#include <vector>

#include "lathe/chat.h"
#include "lathe/generate.h"

#include "common/tool.h"
#include "generate/options.h"

namespace lathe::tool {

// A prompt, and what --echo shows of it.
struct Prompt {
  std::vector<TokenId> ids;
  std::string shown;
};

// Without --reasoning: what the model thinks stands apart where a text would not show its marks.
void take_model_reasoning(const Tokenizer& tokenizer, GenerateFlags& flags);

class ChatForm {
 public:
  // `tool`, `flags` and `tokenizer` outlive it. Errors: find_chat_template.
  ChatForm(const Tool& tool, const GenerateFlags& flags, const Tokenizer& tokenizer);

  // Puts --system, --tools and --template-arg into a conversation. Throws kUsage where it has
  // another system message; or none, but others, and is `stored`, where it only grows at its end.
  void complete(ChatRequest& request, bool stored) const;
  // Also says, once, what the template does not look at, and that it names today.
  Prompt prompt(const ChatRequest& request, GenerateOptions& how);
  // What the model reads, and no more.
  std::vector<TokenId> ids(const ChatRequest& request) const;

 private:
  const Tool& tool_;
  const GenerateFlags& flags_;
  const Tokenizer& tokenizer_;
  ChatTemplate chat_;
  GenerateOptions ends_;  // what ends a turn
  bool said_ = false;
};

// The message that holds an answer.
ChatMessage answer_message(const Generation& answer);

// Says when an answer was ended since it repeated itself.
void note_loop(const Tool& tool, const Generation& answer);

}  // namespace lathe::tool
