// Which model a record came from, told by its contents.
#include <fmt/format.h>

#include "lathe/sgp/run.h"

#include "base/checksum.h"

namespace lathe {

std::string sgp_model_identity(const Checkpoint& checkpoint) {
  Checksum sum;
  sum.add(fingerprint(checkpoint));
  if (const TokenizerFiles* files = checkpoint.tokenizer_files()) {
    const std::string& chat_template =
        files->gguf ? files->gguf->chat_template : files->chat_template;
    for (const std::string* text :
         {&files->tokenizer_json, &files->sentencepiece_model, &files->tokenizer_config_json,
          &files->special_tokens_map_json, &chat_template}) {
      sum.add(fmt::format("{}:", text->size()));
      sum.add(*text);
    }
    if (files->gguf) {
      for (const std::string& token : files->gguf->tokens) sum.add(token + '\n');
      for (const std::string& merge : files->gguf->merges) sum.add(merge + '\n');
      sum.add(files->gguf->chat_template);
    }
  }
  return sum.text();
}

}  // namespace lathe
