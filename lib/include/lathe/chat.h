// Conversations as prompts: chat templates of the known families, rendered without Jinja.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

class LATHE_API ChatTemplate {
 public:
  // Recognises the family from the tokenizer's template text. Throws kUnsupported, naming
  // what it saw, when the template is absent or of no known family.
  static ChatTemplate recognise(const Tokenizer& tokenizer);
  // By family name: chatml, llama2, llama3, mistral, gemma, phi3, zephyr, deepseek.
  static ChatTemplate by_name(const std::string& family);

  const std::string& family() const noexcept { return family_; }

  // Ids of the conversation, ending where the assistant's answer begins (`add_generation`).
  // Control tokens of the template become their ids; message contents are encoded as plain
  // text, so that a user cannot forge them.
  std::vector<TokenId> encode(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                              bool add_generation = true) const;
  // The same as one string, as the template prints it.
  std::string render(std::span<const ChatMessage> messages, bool add_generation = true) const;

 private:
  std::string family_;
};

}  // namespace lathe
