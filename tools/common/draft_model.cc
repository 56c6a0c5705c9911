#include "common/draft_model.h"

#include "lathe/host/escape.h"
#include "lathe/speculation.h"

#include "common/fail.h"

namespace lathe::tool {

std::shared_ptr<const Checkpoint> open_draft_checkpoint(const std::string& name,
                                                        const Tokenizer& tokenizer) {
  const auto checkpoint = Checkpoint::open(name);
  if (!checkpoint->tokenizer_files()) {
    fail(ErrorCode::kInvalid, "{}: the draft has no tokenizer to compare with the model's",
         lathe::quoted(name));
  }
  check_same_tokens(tokenizer, *Tokenizer::create(*checkpoint->tokenizer_files()), name);
  return checkpoint;
}

}  // namespace lathe::tool
