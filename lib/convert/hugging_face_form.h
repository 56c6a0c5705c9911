// The tokenizer's files as Hugging Face's folders and .lathe files hold them, without a copy of
// those that are in that form already.
#pragma once

#include <optional>

#include "lathe/tokenizer_files.h"

namespace lathe {

// `files` itself, or what to_hugging_face() makes of it, which is kept in `made`.
inline const TokenizerFiles& hugging_face_form(const TokenizerFiles& files,
                                               std::optional<TokenizerFiles>& made) {
  return files.gguf ? made.emplace(to_hugging_face(files)) : files;
}

}  // namespace lathe
