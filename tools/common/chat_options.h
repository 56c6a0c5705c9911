// What a tool is told about the form of a conversation, and what it says about it.
#pragma once

#include <string>
#include <vector>

#include "lathe/chat.h"
#include "lathe/tokenizer.h"

#include "common/tool.h"

namespace lathe::tool {

struct ChatOptions {
  std::string chat_template;               // a file or name; empty: the model's own
  std::vector<std::string> template_args;  // KEY=VALUE
  std::string tools;                       // a file

  std::vector<const CLI::Option*> all;
  // The first that was given, or null.
  const CLI::Option* given() const;
};

// --chat-template, --template-arg and --tools. `when` begins their help ("With --chat: ").
void add_chat_options(Tool& tool, ChatOptions& options, const std::string& when,
                      const std::string& group);

// The one that is asked for, or the model's. Errors: ChatTemplate::of and find.
ChatTemplate find_chat_template(const ChatOptions& options, const Tokenizer& tokenizer);

// Puts the tools and arguments into a request, over what it says itself. Throws kUsage for an
// argument that is none, kIo, and kInvalid for tools that are no JSON array.
void add_to_request(const ChatOptions& options, ChatRequest& request);

// Says what the template does not look at, so that it is lost.
void warn_of_unused(const Tool& tool, const ChatTemplate& chat, const ChatRequest& request);

// Says when the prompt names today.
void note_date(const Tool& tool, const ChatPrompt& prompt);

}  // namespace lathe::tool
