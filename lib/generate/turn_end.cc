#include "lathe/generate.h"

namespace lathe {

void end_at_turn(const ChatTemplate& chat, const Tokenizer& tokenizer, GenerateOptions& options) {
  if (tokenizer.eos()) options.end_tokens.push_back(*tokenizer.eos());
  for (const std::string& mark : chat.end_marks(tokenizer)) {
    if (const std::optional<TokenId> id = tokenizer.token_id(mark)) {
      options.end_tokens.push_back(*id);
    } else {
      options.stop.push_back(mark);
    }
  }
}

}  // namespace lathe
