// What a tokenizer's files call its special tokens, for templates: "pad_token" and its text. Beside
// Tokenizer, for those that are made from files that say so.
#pragma once

#include "lathe/tokenizer_files.h"

namespace lathe {

class HasNamedTokens {
 public:
  virtual ~HasNamedTokens() = default;
  // By key, all but "bos_token" and "eos_token", which Tokenizer has itself.
  virtual const NamedTexts& named_tokens() const noexcept = 0;
};

}  // namespace lathe
