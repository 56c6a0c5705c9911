#include "checkpoint/tokens_gguf.h"

#include <algorithm>

#include "base/escape.h"
#include "base/fail.h"
#include "checkpoint/gguf_keys.h"

namespace lathe {

// Special ids are unsigned in the file; what programs write for "none" is the largest.
std::int64_t read_token_id(const GgufReader& gguf, std::string_view key, std::int64_t tokens) {
  const std::int64_t id = gguf.get_int(key).value_or(-1);
  if (id == -1 || id == 0xffffffff) return -1;
  if (id < 0 || id >= tokens) {
    fail_invalid("{}: {} is {}, but the vocabulary has {} tokens", quoted(gguf.path()), key, id,
                 tokens);
  }
  return id;
}

void read_token_ids(const GgufReader& gguf, ModelConfig& config) {
  config.bos_token = read_token_id(gguf, gguf_keys::kBos, config.vocab_size);
  config.pad_token = read_token_id(gguf, gguf_keys::kPadding, config.vocab_size);
  if (const auto ids = gguf.get_ints(gguf_keys::kEosTokens)) {
    config.eos_tokens = *ids;
    return;
  }
  for (const char* key : {gguf_keys::kEos, gguf_keys::kEot, gguf_keys::kEom}) {
    const std::int64_t id = read_token_id(gguf, key, config.vocab_size);
    auto& eos = config.eos_tokens;
    if (id >= 0 && std::find(eos.begin(), eos.end(), id) == eos.end()) eos.push_back(id);
  }
}

}  // namespace lathe
