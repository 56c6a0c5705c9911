// Conversations as prompts: chat templates of the known families, rendered without Jinja.
//
// A model's template is a Jinja program. The families below cover what published models
// use; recognise() finds the family from the marks that the template's text prints
// ("<|im_start|>", "[INST]", ...), and reads from the same text what differs between members
// of a family: spaces around marks, where the system message stands, a default one. What is
// none of these is refused, never rendered as something similar.
//
//   auto chat = ChatTemplate::recognise(*tokenizer);
//   std::vector<ChatMessage> messages = {{"user", "Hello"}};
//   auto prompt = chat.encode(*tokenizer, messages);
//
// Immutable after construction, so it may be used on several threads at once.
#pragma once

#include <memory>
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

struct ChatFormat;

class LATHE_API ChatTemplate {
 public:
  // From the tokenizer's template text. Throws kUnsupported, naming what it saw, when the
  // template is absent or of no known family.
  static ChatTemplate recognise(const Tokenizer& tokenizer);
  // From a template's text alone.
  static ChatTemplate from_text(const std::string& jinja);
  // By a name out of names(). Throws kUsage, listing them, for any other.
  static ChatTemplate by_name(const std::string& name);
  // Families (chatml, llama2, llama3, mistral, gemma, phi3, zephyr, deepseek) and their
  // variants (mistral-v1, ...).
  static std::vector<std::string> names();

  // "chatml", "llama2", "llama3", "mistral", "gemma", "phi3", "zephyr" or "deepseek".
  const std::string& family() const noexcept;

  // Ids of the conversation, ending where the assistant's answer begins (`add_generation`).
  // The template's marks that are tokens of the vocabulary become their ids; message contents
  // are encoded as plain text, so that a user cannot forge a mark. For harmless contents the
  // ids are those of the rendered text. BOS comes first when the template prints it or the
  // tokenizer adds it, and once.
  // Throws kInvalid for roles that the family does not know or whose order it forbids.
  std::vector<TokenId> encode(const Tokenizer& tokenizer, std::span<const ChatMessage> messages,
                              bool add_generation = true) const;
  // The same as one string, as the template prints it (BOS only where the template has it).
  std::string render(std::span<const ChatMessage> messages, bool add_generation = true) const;

  // The marks that end an assistant's turn besides EOS, as the vocabulary spells them
  // ("<|im_end|>").
  const std::vector<std::string>& end_marks() const noexcept;

 private:
  explicit ChatTemplate(std::shared_ptr<const ChatFormat> format);

  std::shared_ptr<const ChatFormat> format_;
};

// The ids of a text that the model is to continue; an empty one begins a new text with the token
// that does so. `special`: control tokens that are spelled in the text count as such. Throws
// kInvalid when nothing is left to begin with. Thread-safe.
LATHE_API std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text,
                                             bool special = false);

}  // namespace lathe
