// One line of a batch: a prompt, or a conversation, with options of its own.
//
//   {"id": 7, "prompt": "The miller", "max_tokens": 20, "temperature": 0.8}
//   {"id": "b", "messages": [{"role": "user", "content": "Who are you?"}]}
//   {"custom_id": "c", "method": "POST", "url": "/v1/chat/completions", "body": {…}}
//
// The third is a line of OpenAI's batch files. Options have the names of generate's options
// ("top_p" for --top-p) or of OpenAI's API. What would change the answer and is not done here is
// an error that names it; what would not ("model", "user", …) is passed over. A key whose value is
// null counts as absent. The whole list is in generate(1).
//
// A line that cannot be used is no exception but a row with an error. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/constraint.h"
#include "lathe/engine.h"
#include "lathe/export.h"
#include "lathe/generate.h"

namespace lathe {

// What holds for rows that don't say otherwise.
struct RowDefaults {
  GenerateOptions options;
  std::int64_t chat_tokens = -1;  // max_tokens of a conversation
  int samples = 1;
  double timeout = 0.0;               // seconds; 0: none
  bool chat = false;                  // a prompt is a user's message
  std::optional<std::string> system;  // message that begins conversations without one
  std::string chat_template;          // by name; empty: the model's own
  std::string tools, template_args;   // of conversations that say nothing else (lathe/chat.h)
  bool reasoning_apart = false;       // the record has it under "reasoning", not in the text
  bool reasoning_dropped = false;     // it is not in the text
  bool finish = false;                // AnswerConstraint::finish, of every constraint
  bool special = false;               // control tokens spelled in a prompt count
  bool echo = false;                  // the record has the prompt
};

struct BatchRow {
  enum class Form { kPlain, kOpenAiChat, kOpenAiText };  // of the record

  Form form = Form::kPlain;
  std::string id;        // as JSON; empty: none
  std::string metadata;  // as JSON, for the record; empty: none
  std::string model;     // as an OpenAI body names it

  // One of: a text, a conversation (where not empty), ids (where not empty).
  std::string prompt;
  std::vector<ChatMessage> messages;
  std::vector<TokenId> ids;
  std::string tools, template_args;  // of a conversation

  GenerateOptions options;
  std::optional<GrammarText> grammar;  // of its own; else that of `options`, if any
  std::optional<int> alternatives;     // with log-probabilities: how many more to list per token
  int samples = 1;
  double timeout = 0.0;
  bool finish = false;  // AnswerConstraint::finish
  bool special = false, echo = false, reasoning_apart = false, reasoning_dropped = false;
  bool stream = false, stream_usage = false;  // of parse_openai_body
  std::string chat_template;

  std::optional<Failure> error;
};

// `line` numbers the row in messages, from 1.
LATHE_API BatchRow parse_batch_row(std::string_view text, std::uint64_t line,
                                   const RowDefaults& defaults);
// The body of a request to OpenAI's API, of either of its forms, which may ask for a stream.
LATHE_API BatchRow parse_openai_body(std::string_view text, BatchRow::Form form,
                                     const RowDefaults& defaults);
// A line that is a prompt as it stands.
LATHE_API BatchRow plain_text_row(std::string_view text, std::uint64_t line,
                                  const RowDefaults& defaults);

}  // namespace lathe
