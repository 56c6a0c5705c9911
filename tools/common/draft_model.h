// The smaller model of --draft.
#pragma once

#include <memory>
#include <string>

#include "lathe/checkpoint.h"
#include "lathe/tokenizer.h"

namespace lathe::tool {

// Opens it; throws kInvalid unless its tokens are those of the model. `name` is its path.
std::shared_ptr<const Checkpoint> open_draft_checkpoint(const std::string& name,
                                                        const Tokenizer& tokenizer);

}  // namespace lathe::tool
