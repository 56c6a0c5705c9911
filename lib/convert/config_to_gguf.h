// ModelConfig and vocabulary as GGUF's keys: the way back of config_gguf.h.
#pragma once

#include "lathe/model_config.h"
#include "lathe/tokenizer_files.h"

#include "container/gguf_writer.h"

namespace lathe {

// Whether put_config() and the tensors that are there say all that the model computes by.
bool gguf_can_say(const ModelConfig& config);

// "<architecture>.*" and our own keys. What GGUF has no key for is refused by
// make_plan() before.
void put_config(const ModelConfig& config, GgufMetadata& keys);

// "tokenizer.*", without the ids of special tokens that the config has as well.
void put_vocabulary(const GgufVocabulary& vocabulary, GgufMetadata& keys);

// The ids of the tokens that begin and end a text and of padding. `vocabulary` may be null.
void put_token_ids(const ModelConfig& config, const GgufVocabulary* vocabulary, GgufMetadata& keys);

}  // namespace lathe
