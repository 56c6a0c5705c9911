// From a GGUF "gpt2" vocabulary to the parts of a BpeTokenizer.
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/gguf_ids.h"
#include "tokenizer/gguf_pre.h"
#include "tokenizer/spm/model.h"

namespace lathe {
namespace {

class Nfc final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch&, Growth&) const override {
    text = normal_form(text, NormalForm::kNfc);
  }
};

}  // namespace

BpeParts bpe_parts_from_gguf(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const std::string& file = files.origin;
  const GgufPre* pre = find_gguf_pre(gguf.pre);
  if (pre == nullptr) {
    fail_unsupported("{}: the pre-tokenizer {} (tokenizer.ggml.pre) is not supported", quoted(file),
                     quoted(gguf.pre));
  }
  const std::size_t n = gguf.tokens.size();
  if (!gguf.types.empty() && gguf.types.size() != n) {
    fail_invalid("{}: {} tokens but {} token types", quoted(file), n, gguf.types.size());
  }
  if (gguf.merges.empty()) {
    fail_invalid("{}: a \"gpt2\" vocabulary without tokenizer.ggml.merges", quoted(file));
  }
  BpeParts parts;
  parts.model.tokens = gguf.tokens;
  parts.model.ignore_merges = pre->ignore_merges;
  parts.model.merges.reserve(gguf.merges.size());
  for (std::size_t i = 0; i < gguf.merges.size(); ++i) {
    const std::string& merge = gguf.merges[i];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      fail_invalid("{}: merge {} ({}) is not two tokens and a space", quoted(file), i,
                   quoted(merge));
    }
    parts.model.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  for (std::size_t i = 0; i < gguf.types.size(); ++i) {
    const auto type = static_cast<PieceType>(gguf.types[i]);
    const bool control = type == PieceType::kControl || type == PieceType::kUnknown;
    if ((!control && type != PieceType::kUserDefined) || gguf.tokens[i].empty()) continue;
    AddedToken token;
    token.text = gguf.tokens[i];
    token.id = static_cast<TokenId>(i);
    token.special = control;
    parts.added.push_back(std::move(token));
  }
  if (pre->nfc) parts.normalizer = std::make_unique<Nfc>();
  for (const std::string_view split : pre->splits) {
    parts.pre_tokenizer.add_split(split, SplitBehavior::kIsolated, false, file);
  }
  parts.pre_tokenizer.add_byte_map(file);
  DecoderStep bytes;
  bytes.kind = DecoderStep::Kind::kByteLevel;
  parts.decoder.add(std::move(bytes));
  parts.bos = checked_token_id(gguf.bos, n, "bos_token_id", file);
  parts.eos = checked_token_id(gguf.eos, n, "eos_token_id", file);
  if (gguf.add_bos.value_or(pre->add_bos) && parts.bos) parts.prefix = {*parts.bos};
  if (gguf.add_eos.value_or(false) && parts.eos) parts.suffix = {*parts.eos};
  parts.chat_template = gguf.chat_template;
  return parts;
}

}  // namespace lathe
