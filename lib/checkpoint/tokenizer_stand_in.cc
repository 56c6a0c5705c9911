// Stands in until the tokenizer room's conversions are here; its definitions take precedence
// over these weak ones, and then this file goes.
#include "lathe/tokenizer.h"

#include "base/fail.h"

namespace lathe {

__attribute__((weak)) TokenizerFiles to_hugging_face(const TokenizerFiles& files) {
  if (files.gguf) fail_unsupported("a GGUF vocabulary cannot be converted yet");
  return files;
}

__attribute__((weak)) GgufVocabulary to_gguf(const TokenizerFiles& files, std::int64_t) {
  if (!files.gguf) fail_unsupported("a tokenizer cannot be converted to GGUF yet");
  return *files.gguf;
}

}  // namespace lathe
