// Answers as bodies of OpenAI's API: a batch's records hold them, a server sends them.
//
// Thread-safe.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "lathe/batch_row.h"
#include "lathe/engine.h"
#include "lathe/tokenizer.h"

namespace lathe {

// What an answer says of itself.
struct OpenAiIdentity {
  std::string id;
  std::int64_t created = 0;  // Unix time; 0 in a record: a resumed run gives the same bytes
  std::string model;         // where the request names none
};

// "chat.completion" or "text_completion", by the row's form.
nlohmann::ordered_json openai_body(const BatchRow& row, const Completion& completion,
                                   const Tokenizer& tokenizer, const OpenAiIdentity& identity);

// The "usage" of a body.
nlohmann::ordered_json openai_usage(const Completion& completion);
void put_cached_tokens(nlohmann::ordered_json& body, const Completion& completion);

// One choice of a body.
nlohmann::ordered_json openai_choice(std::size_t number, const Generation& sample,
                                     const BatchRow& row, const Tokenizer& tokenizer);

// "stop" or "length".
const char* openai_reason(FinishReason reason);

// Of all samples.
std::int64_t generated_tokens(const Completion& completion);

}  // namespace lathe
