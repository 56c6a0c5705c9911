#include "lathe/chat.h"

#include "base/fail.h"

namespace lathe {

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, std::string_view text,
                                   bool special) {
  EncodeOptions options;
  options.parse_special = special;
  std::vector<TokenId> ids = tokenizer.encode(text, options);
  if (ids.empty() && tokenizer.bos()) ids.push_back(*tokenizer.bos());
  if (ids.empty()) {
    fail_invalid(
        "the prompt is empty, and this model has no token that begins a text: give it some text");
  }
  return ids;
}

}  // namespace lathe
