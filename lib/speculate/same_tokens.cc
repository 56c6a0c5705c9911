#include <algorithm>

#include "lathe/speculation.h"

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

void check_same_tokens(const Tokenizer& model, const Tokenizer& draft,
                       const std::string& draft_name) {
  const auto count = static_cast<TokenId>(std::min(model.vocab_size(), draft.vocab_size()));
  for (TokenId id = 0; id < count; ++id) {
    const std::string here = model.piece(id), there = draft.piece(id);
    if (here == there) continue;
    fail_invalid(
        "{}: its vocabulary is another one: token {} is {} there and {} in the model; a draft "
        "needs "
        "the model's own tokens",
        quoted(draft_name), id, quoted(there), quoted(here));
  }
  if (model.vocab_size() != draft.vocab_size()) {
    fail_invalid(
        "{}: its vocabulary has {} tokens, the model's {}: a draft needs the model's own tokens",
        quoted(draft_name), draft.vocab_size(), model.vocab_size());
  }
}

}  // namespace lathe
