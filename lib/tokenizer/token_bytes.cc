#include "tokenizer/token_bytes.h"

#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/spm/tokenizer.h"

namespace lathe {

std::string token_bytes(const Tokenizer& tokenizer, TokenId id) {
  if (const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer)) return bpe->token_bytes(id);
  if (const auto* spm = dynamic_cast<const SpmTokenizer*>(&tokenizer)) return spm->token_bytes(id);
  // Somebody else's: of whole characters what it decodes to.
  return tokenizer.is_special(id) ? std::string() : tokenizer.decode({&id, 1});
}

}  // namespace lathe
