// What the benchmark says to a model: the reference's wording, byte for byte.
//
// The multiple-choice prompt names the letters that there are ("ABCD"); for four options it is
// the reference's. The judge's prompt is this project's own. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lathe/chat.h"
#include "lathe/export.h"
#include "lathe/sgp/question.h"

namespace lathe {

// "You are a large language model trained."
LATHE_API extern const std::string_view kSgpSystemMessage;

// The reference's limits.
inline constexpr std::int64_t kSgpMaxTokens = 2048;
inline constexpr int kSgpTries = 5;

// The user's message. The question must have no error.
LATHE_API std::string sgp_user_message(const SgpQuestion& question);

// False for the families that the reference asks without a system message: names in which
// "gemma", "mistral" or "starcoder" occurs, whatever the case.
LATHE_API bool sgp_uses_system_message(std::string_view model_name);

// System message (none when empty) and user's message.
LATHE_API std::vector<ChatMessage> sgp_messages(const SgpQuestion& question,
                                                std::string_view system);

// Asks a second model which letter a response means.
LATHE_API std::string sgp_judge_message(const SgpQuestion& question, std::string_view response);

// XXH3 of the messages, 16 hex digits: two records with the same one answered the same prompt.
LATHE_API std::string sgp_prompt_hash(const std::vector<ChatMessage>& messages);

}  // namespace lathe
