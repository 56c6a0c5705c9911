#include "tokenizer/gguf_forms.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"

namespace lathe {

TokenizerFiles to_hugging_face(const TokenizerFiles& files) {
  if (!files.gguf) return files;
  if (files.gguf->model == "llama") return spm_to_hugging_face(files);
  if (files.gguf->model == "gpt2") return bpe_to_hugging_face(files);
  fail_unsupported("{}: the tokenizer model {} is not supported (\"llama\" and \"gpt2\" are)",
                   quoted(files.origin), quoted(files.gguf->model));
}

GgufVocabulary to_gguf(const TokenizerFiles& files, std::int64_t vocab_size) {
  GgufVocabulary out = files.gguf                           ? *files.gguf
                       : !files.sentencepiece_model.empty() ? spm_to_gguf(files)
                                                            : bpe_to_gguf(files);
  const auto tokens = static_cast<std::int64_t>(out.tokens.size());
  if (vocab_size >= 0 && tokens > vocab_size) {
    fail_invalid("{}: the tokenizer has {} tokens, the model {}", quoted(files.origin), tokens,
                 vocab_size);
  }
  for (std::int64_t id = tokens; id < vocab_size; ++id) {
    if (out.types.empty()) out.types.assign(out.tokens.size(), 1);
    out.tokens.push_back(fmt::format("[PAD{}]", id));
    out.types.push_back(5);
    if (!out.scores.empty()) out.scores.push_back(-1000.0f);
  }
  return out;
}

nlohmann::ordered_json tokenizer_config_json(const GgufVocabulary& gguf) {
  nlohmann::ordered_json config;
  const auto n = static_cast<std::int64_t>(gguf.tokens.size());
  const auto name = [&](const char* key, std::int64_t id) {
    if (id >= 0 && id < n) config[key] = gguf.tokens[static_cast<std::size_t>(id)];
  };
  if (gguf.add_bos) config["add_bos_token"] = *gguf.add_bos;
  if (gguf.add_eos) config["add_eos_token"] = *gguf.add_eos;
  name("bos_token", gguf.bos);
  name("eos_token", gguf.eos);
  name("unk_token", gguf.unknown);
  name("pad_token", gguf.pad);
  if (!gguf.chat_template.empty()) config["chat_template"] = gguf.chat_template;
  config["clean_up_tokenization_spaces"] = false;
  if (gguf.eot >= 0) config["gguf"]["eot"] = gguf.eot;
  return config;
}

}  // namespace lathe
