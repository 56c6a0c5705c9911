// Conversations as people write them in JSON.
//
//   [{"role": "user", "content": "What is the weather?"}]
//   {"messages": [...], "tools": [...], "template_args": {"enable_thinking": false}}
//
// Numbers and the order of keys stay as they are written. Thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/export.h"

namespace lathe {

// An array of messages, or an object with "messages", "tools", "template_args" (vLLM's
// "chat_template_kwargs" too), "documents", "reasoning_effort" and "add_generation_prompt". `file`
// stands in messages. Throws kInvalid for what is none of them, kUnsupported for what this program
// does not do (images), naming the place.
LATHE_API ChatRequest parse_chat(std::string_view json, const std::string& file);

// Tools for ChatRequest::tools. Throws kInvalid for what is no array of objects.
LATHE_API std::string parse_chat_tools(std::string_view json, const std::string& file);

// The conversation `json` (an array of messages, or an object with them; "" is none) with `more` at
// its end: as it was written but for white space.
LATHE_API std::string append_chat_messages(std::string_view json, const std::string& file,
                                           std::span<const ChatMessage> more);

// "KEY=VALUE" into request.template_args, over what it has under KEY. The value is JSON, or a word
// that looks like none ("high"), which is a text. Throws kUsage for what is neither.
LATHE_API void add_template_argument(std::string_view argument, ChatRequest& request);

// Names of what is in the request and not looked at by the template, so that it is lost: "tools",
// and those of template_args.
LATHE_API std::vector<std::string> unused_by(const ChatTemplate& chat, const ChatRequest& request);

}  // namespace lathe
