// Conversations as prompts: a model's chat template, run on messages, tools and arguments.
//
// A template is a program in Jinja; it is interpreted, with limits on steps, depth and size, in the
// environment that transformers' apply_chat_template() gives it. Only its own words make control
// tokens: what stands in messages, tools and arguments stays text, however it is cut and joined, so
// that a user cannot forge a turn.
//
//   const ChatTemplate chat = ChatTemplate::of(*tokenizer);
//   std::vector<ChatMessage> messages = {{"user", "Hello"}};
//   std::vector<TokenId> prompt = chat.encode(*tokenizer, {messages});
//
// Immutable, so it may be used on several threads at once. JSON: see chat_json.h.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/export.h"
#include "lathe/tokenizer.h"

namespace lathe {

struct ChatMessage {
  std::string role, content;  // "system", "user", "assistant", "tool", ...; and its text
  std::string json = {};      // all of it, an object, where it is more (calls of tools, reasoning)
};

struct ChatRequest {
  std::vector<ChatMessage> messages;
  std::string tools = {}, template_args = {};  // JSON array, JSON object; empty: none
  bool add_generation_prompt = true;           // end where the assistant's answer begins
};

struct ChatPrompt {
  struct Piece {
    std::string text;
    bool own = true;  // the template's own words, in which control tokens count
  };
  std::vector<Piece> pieces;
  bool names_date = false;  // today's, by the clock: SOURCE_DATE_EPOCH does not say it

  LATHE_API std::string text() const;
};

class LATHE_API ChatTemplate {
 public:
  // The model's own. Throws kUnsupported when it has none; kInvalid when it is no template.
  static ChatTemplate of(const Tokenizer& tokenizer);
  // `name` stands in messages.
  static ChatTemplate from_text(const std::string& jinja, const std::string& name);
  // One that comes with this program: "chatml", "llama3", ... Throws kUsage, listing names().
  static ChatTemplate by_name(const std::string& name);
  static std::vector<std::string> names();
  // One that the model has under this name, by_name(), or a file. Throws kUsage, kIo.
  static ChatTemplate find(const std::string& name_or_file, const Tokenizer& tokenizer);

  // Throws kInvalid when the template fails, or refuses the conversation in its own words;
  // kUnsupported and kLimit for what is not done here.
  ChatPrompt render(const Tokenizer& tokenizer, const ChatRequest& request) const;
  // Its ids. BOS comes first when the template prints it or the tokenizer adds it, and once.
  std::vector<TokenId> encode(const Tokenizer& tokenizer, const ChatPrompt& prompt) const;
  std::vector<TokenId> encode(const Tokenizer& tokenizer, const ChatRequest& request) const {
    return encode(tokenizer, render(tokenizer, request));
  }
  // Whether the template looks at a variable ("tools"): else what is said under it is lost.
  bool uses(std::string_view variable) const;
  // What ends a turn besides EOS: control tokens, or a text; found by running the template.
  std::vector<std::string> end_marks(const Tokenizer& tokenizer) const;

 private:
  struct Parts;
  explicit ChatTemplate(std::shared_ptr<const Parts> parts);

  std::shared_ptr<const Parts> parts_;
};

// The ids of a text that the model is to continue; an empty one begins a new text with the token
// that does so. `special`: control tokens that are spelled in the text count as such. Throws
// kInvalid when nothing is left to begin with. Thread-safe.
LATHE_API std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text,
                                             bool special = false);

}  // namespace lathe
