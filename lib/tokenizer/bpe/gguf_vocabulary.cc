#include "tokenizer/bpe/gguf_vocabulary.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/gguf_padding.h"

namespace lathe {
namespace {

// GGUF says "put BOS first", not what else a template might write.
bool only_token(const std::vector<TokenId>& ids, const std::optional<TokenId>& token,
                const std::string& file) {
  if (ids.empty()) return false;
  if (ids.size() == 1 && token && ids[0] == *token) return true;
  fail_unsupported("{}: GGUF has no place for what the post-processor adds besides BOS and EOS",
                   quoted(file));
}

}  // namespace

void put_tokens(const std::vector<std::string>& tokens, const BpeParts& parts,
                const std::string& file, GgufVocabulary& out) {
  refuse_flags(parts.added, file);
  std::size_t size = tokens.size();
  for (const AddedToken& token : parts.added) {
    size = std::max(size, static_cast<std::size_t>(token.id) + 1);
  }
  out.tokens = tokens;
  out.tokens.resize(size);
  out.types.assign(size, gguf_type(PieceType::kNormal));
  for (const AddedToken& token : parts.added) {
    const auto id = static_cast<std::size_t>(token.id);
    const bool control = token.special || looks_like_control(token.text);
    out.tokens[id] = token.text;
    out.types[id] = gguf_type(control ? PieceType::kControl : PieceType::kUserDefined);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (!out.tokens[i].empty()) continue;
    out.tokens[i] = padding_piece(i);
    out.types[i] = gguf_type(PieceType::kUnused);
  }
}

void put_special(const BpeParts& parts, const TokenizerConfig& config, const std::string& file,
                 GgufVocabulary& out) {
  const auto id = [&](const std::optional<std::string>& text) -> std::int64_t {
    const auto at = text ? std::ranges::find(out.tokens, *text) : out.tokens.end();
    return at == out.tokens.end() ? -1 : at - out.tokens.begin();
  };
  out.bos = parts.bos ? *parts.bos : -1;
  out.eos = parts.eos ? *parts.eos : -1;
  out.no_default_ids = out.bos < 0 || out.eos < 0;
  out.unknown = id(config.unknown);
  out.pad = id(config.pad);
  out.eot = config.gguf_eot;
  out.add_bos = only_token(parts.prefix, parts.bos, file);
  out.add_eos = only_token(parts.suffix, parts.eos, file);
  out.chat_template = parts.chat_template;
  out.named_chat_templates = parts.named_chat_templates;
}

}  // namespace lathe
