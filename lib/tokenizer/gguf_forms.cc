#include "tokenizer/gguf_forms.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/gguf_ids.h"
#include "tokenizer/gguf_padding.h"
#include "tokenizer/gguf_pre.h"

namespace lathe {

namespace {

TokenizerFiles convert_to_hugging_face(const TokenizerFiles& files) {
  if (files.gguf->model == "llama") return spm_to_hugging_face(files);
  if (is_gguf_bpe(*files.gguf)) return bpe_to_hugging_face(files);
  fail_unsupported(
      "{}: the tokenizer model {} is not supported (\"llama\", \"gpt2\" and \"gemma4\" are)",
      quoted(files.origin), quoted(files.gguf->model));
}

GgufVocabulary checked(const TokenizerFiles& files, GgufVocabulary made) {
  TokenizerFiles as_gguf;
  as_gguf.gguf = std::move(made);
  as_gguf.origin = files.origin;
  require_same_ids(files, as_gguf, *as_gguf.gguf);
  return *std::move(as_gguf.gguf);
}

// A sentencepiece model has the scores that GGUF wants; where the tokenizer.json beside it says
// something else, that is converted.
GgufVocabulary convert_to_gguf(const TokenizerFiles& files) {
  if (files.sentencepiece_model.empty()) return checked(files, bpe_to_gguf(files));
  try {
    return checked(files, spm_to_gguf(files));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported || files.tokenizer_json.empty()) throw;
  }
  return checked(files, bpe_to_gguf(files));
}

}  // namespace

TokenizerFiles to_hugging_face(const TokenizerFiles& files) {
  if (!files.gguf) return files;
  TokenizerFiles out = convert_to_hugging_face(files);
  out.rows = files.rows;
  require_same_ids(files, out, *files.gguf);
  return out;
}

GgufVocabulary to_gguf(const TokenizerFiles& files, std::int64_t vocab_size) {
  GgufVocabulary out = files.gguf ? *files.gguf : convert_to_gguf(files);
  const auto tokens = [&out] { return static_cast<std::int64_t>(out.tokens.size()); };
  while (vocab_size >= 0 && tokens() > vocab_size && !out.types.empty() &&
         (out.types.back() == gguf_type(PieceType::kControl) ||
          out.types.back() == gguf_type(PieceType::kUnused))) {
    pop_token(out);
  }
  if (vocab_size >= 0 && tokens() > vocab_size) {
    fail_invalid("{}: the tokenizer has {} tokens, the model {}", quoted(files.origin), tokens(),
                 vocab_size);
  }
  for (std::int64_t id = tokens(); id < vocab_size; ++id) {
    put_padding(out);
  }
  return out;
}

nlohmann::ordered_json added_token_json(std::string_view text, bool special) {
  return {{"content", text}, {"lstrip", false},      {"normalized", false},
          {"rstrip", false}, {"single_word", false}, {"special", special}};
}

void refuse_flags(std::span<const AddedToken> added, const std::string& file) {
  for (const AddedToken& token : added) {
    if (!token.lstrip && !token.rstrip && !token.single_word) continue;
    fail_unsupported("{}: GGUF has no place for the flags of the added token {} ({}{}{})",
                     quoted(file), quoted(token.text), token.lstrip ? "lstrip " : "",
                     token.rstrip ? "rstrip " : "", token.single_word ? "single_word " : "");
  }
}

nlohmann::ordered_json tokenizer_config_json(const GgufVocabulary& gguf, const std::string& file) {
  nlohmann::ordered_json config;
  const GgufIds ids = gguf_ids(gguf, file);
  const auto name = [&](const char* key, const std::optional<TokenId>& id) {
    if (id) config[key] = gguf.tokens[static_cast<std::size_t>(*id)];
  };
  if (gguf.add_bos) config["add_bos_token"] = *gguf.add_bos;
  if (gguf.add_eos) config["add_eos_token"] = *gguf.add_eos;
  name("bos_token", ids.bos);
  name("eos_token", ids.eos);
  name("unk_token", ids.unknown);
  name("pad_token", ids.pad);
  if (!gguf.named_chat_templates.empty()) {
    nlohmann::ordered_json& list = config["chat_template"] = nlohmann::ordered_json::array();
    if (!gguf.chat_template.empty()) {
      list.push_back({{"name", "default"}, {"template", gguf.chat_template}});
    }
    for (const auto& [title, text] : gguf.named_chat_templates) {
      list.push_back({{"name", title}, {"template", text}});
    }
  } else if (!gguf.chat_template.empty()) {
    config["chat_template"] = gguf.chat_template;
  }
  config["clean_up_tokenization_spaces"] = false;
  config["gguf"]["longest_first"] = true;
  if (ids.eot) config["gguf"]["eot"] = *ids.eot;
  return config;
}

}  // namespace lathe
