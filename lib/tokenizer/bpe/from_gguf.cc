// From a GGUF "gpt2" or "gemma4" vocabulary to the parts of a BpeTokenizer.
#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/bpe/tokenizer.h"
#include "tokenizer/gguf_ids.h"
#include "tokenizer/gguf_pre.h"

namespace lathe {
namespace {

class Nfc final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch&, Growth&) const override {
    text = normal_form(text, NormalForm::kNfc);
  }
};

TextPattern literal(std::string_view text) {
  TextPattern pattern;
  pattern.literal = text;
  return pattern;
}

class MarkSpaces final : public Normalizer {
 public:
  void step(std::string& text, RegexScratch& scratch, Growth& growth) const override {
    space_.replace_all(text, kSpaceMark, scratch, growth);
  }

 private:
  TextPattern space_ = literal(" ");
};

void put_merges(const GgufVocabulary& gguf, const std::string& file, BpeSpec& model) {
  if (gguf.merges.empty()) {
    fail_invalid("{}: a \"{}\" vocabulary without tokenizer.ggml.merges", quoted(file), gguf.model);
  }
  model.merges.reserve(gguf.merges.size());
  for (std::size_t i = 0; i < gguf.merges.size(); ++i) {
    const std::string& merge = gguf.merges[i];
    const std::size_t space = merge.find(' ', 1);
    if (space == std::string::npos || space + 1 == merge.size()) {
      fail_invalid("{}: merge {} ({}) is not two tokens and a space", quoted(file), i,
                   quoted(merge));
    }
    model.merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
}

// Control and user-defined tokens are matched in the text as it is; unused ones show nothing.
void put_types(const GgufVocabulary& gguf, const std::string& file, BpeParts& parts) {
  const std::vector<PieceType> types = gguf_types(gguf, file);
  for (std::size_t i = 0; i < types.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    if (types[i] == PieceType::kUnused) parts.no_text.push_back(id);
    const bool control = types[i] == PieceType::kControl || types[i] == PieceType::kUnknown;
    if ((!control && types[i] != PieceType::kUserDefined) || gguf.tokens[i].empty()) continue;
    AddedToken token;
    token.text = gguf.tokens[i];
    token.id = id;
    token.special = control;
    parts.added.push_back(std::move(token));
  }
  parts.longest_first = true;
}

DecoderStep decoder_step(DecoderStep::Kind kind) {
  DecoderStep step;
  step.kind = kind;
  return step;
}

void put_pipeline(const GgufPre& pre, const std::string& file, BpeParts& parts) {
  using Kind = DecoderStep::Kind;
  for (const std::string_view split : pre.splits) {
    parts.pre_tokenizer.add_split(split, SplitBehavior::kIsolated, false, file);
  }
  if (!pre.marks_spaces) {
    if (pre.nfc) parts.normalizer = std::make_unique<Nfc>();
    parts.pre_tokenizer.add_byte_map(file);
    parts.decoder.add(decoder_step(Kind::kByteLevel));
    return;
  }
  parts.normalizer = std::make_unique<MarkSpaces>();
  parts.model.byte_fallback = true;
  DecoderStep spaces = decoder_step(Kind::kReplace);
  spaces.pattern = literal(kSpaceMark);
  spaces.content = " ";
  parts.decoder.add(std::move(spaces));
  parts.decoder.add(decoder_step(Kind::kByteFallback));
  parts.decoder.add(decoder_step(Kind::kFuse));
}

}  // namespace

BpeParts bpe_parts_from_gguf(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const std::string& file = files.origin;
  const GgufPre* pre = find_gguf_pre(gguf);
  if (pre == nullptr) {
    fail_unsupported("{}: the pre-tokenizer {} (tokenizer.ggml.pre) is not supported", quoted(file),
                     quoted(gguf.pre));
  }
  BpeParts parts;
  parts.model.tokens = gguf.tokens;
  parts.model.ignore_merges = pre->ignore_merges;
  parts.model.whole_line_ends = pre->whole_line_ends;
  put_merges(gguf, file, parts.model);
  put_types(gguf, file, parts);
  put_pipeline(*pre, file, parts);
  const GgufIds ids = gguf_ids(gguf, file);
  parts.bos = ids.bos;
  parts.eos = ids.eos;
  if (gguf.add_bos.value_or(pre->add_bos) && parts.bos) parts.prefix = {*parts.bos};
  if (gguf.add_eos.value_or(false) && parts.eos) parts.suffix = {*parts.eos};
  if (gguf.model == "gpt2" && gguf.pre.empty()) parts.warnings.push_back(missing_pre_warning(file));
  parts.chat_template = gguf.chat_template;
  parts.named_chat_templates = gguf.named_chat_templates;
  parts.named_tokens = gguf_named_tokens(gguf);
  return parts;
}

}  // namespace lathe
