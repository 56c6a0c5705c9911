// What a template finds in its variables: the conversation, and the model's special tokens.
#pragma once

#include "lathe/chat.h"

#include "tokenizer/jinja/template.h"

namespace lathe {

// As transformers' apply_chat_template() passes them: keys of messages whose value is null are
// absent, reasoning stands under each of its usual names, absent tools are None. Every string is a
// user's, but for special tokens and the usual roles. Throws kInvalid for JSON that is not what it
// should be, kUsage for an argument that has the name of something else.
jinja::Variables chat_variables(jinja::Heap& heap, const Tokenizer& tokenizer,
                                const ChatRequest& request);

}  // namespace lathe
