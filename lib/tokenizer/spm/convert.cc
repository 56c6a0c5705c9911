#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/gguf_padding.h"
#include "tokenizer/spm/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {
namespace {

std::int64_t or_none(const std::optional<TokenId>& id) { return id ? *id : -1; }

void put_added(const SpmModel& model, const AddedToken& token, const std::string& file,
               GgufVocabulary& out) {
  const auto id = static_cast<std::size_t>(token.id);
  while (out.tokens.size() <= id) put_padding(out);
  const bool control = token.special || looks_like_control(token.text);
  if (id >= model.pieces.size()) {
    out.tokens[id] = token.text;
  } else if (model.pieces[id].text != token.text) {
    fail_unsupported("{}: GGUF has no place for both names of the token {}, {} and {}",
                     quoted(file), id, quoted(model.pieces[id].text), quoted(token.text));
  }
  const bool unknown = id < model.pieces.size() && model.pieces[id].type == PieceType::kUnknown;
  const PieceType type = unknown   ? PieceType::kUnknown
                         : control ? PieceType::kControl
                                   : PieceType::kUserDefined;
  out.types[id] = static_cast<std::int32_t>(type);
}

std::string space_prefix(const SpmSource& source) {
  if (!source.model.add_dummy_prefix) return "";
  const bool first = !source.settings.prefix_after_special;
  const bool missing = source.settings.prefix_if_missing;
  return first && missing ? "first missing" : first ? "first" : missing ? "missing" : "";
}

}  // namespace

TokenizerFiles spm_to_hugging_face(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const SpmModel model = spm_model_from_gguf(gguf, files.origin);
  TokenizerFiles out;
  out.origin = files.origin;
  out.sentencepiece_model = model.serialize();

  nlohmann::ordered_json config = tokenizer_config_json(gguf, files.origin);
  config["tokenizer_class"] = "LlamaTokenizer";
  // A space mark after control tokens too, as GGUF's readers do.
  config["legacy"] = !gguf.space_prefix.starts_with("first");
  if (!gguf.space_prefix.empty()) config["gguf"]["space_prefix"] = gguf.space_prefix;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    const std::int32_t type = gguf.types.empty() ? -1 : gguf.types[i];
    if (type >= 0 && type != static_cast<std::int32_t>(piece.type)) {
      config["gguf"]["token_types"].push_back({i, type});
    }
    const bool control = piece.type == PieceType::kControl || piece.type == PieceType::kUnknown;
    if (!control && piece.type != PieceType::kUserDefined) continue;
    config["added_tokens_decoder"][std::to_string(i)] = added_token_json(piece.text, control);
  }
  out.tokenizer_config_json = config.dump(2) + "\n";
  return out;
}

GgufVocabulary spm_to_gguf(const TokenizerFiles& files) {
  const SpmSource source = load_spm(files);
  const SpmModel& model = source.model;
  if (!SpmBpe::supports(model, source.settings.unused_show_nothing)) {
    // GGUF's "llama" has no field for normalization rules or another kind of model.
    fail_unsupported(
        "{}: a sentencepiece model that is not BPE, or normalizes its text, has no form in "
        "GGUF",
        quoted(files.origin));
  }
  refuse_flags(source.settings.added, files.origin);
  GgufVocabulary out;
  out.model = "llama";
  out.pre = "default";
  for (const SpmPiece& piece : model.pieces) {
    out.tokens.push_back(piece.text);
    out.scores.push_back(piece.score);
    out.types.push_back(static_cast<std::int32_t>(piece.type));
  }
  for (const AddedToken& token : source.settings.added) {
    put_added(model, token, files.origin, out);
  }
  for (const auto& [id, type] : parse_tokenizer_config(files).gguf_types) {
    if (id >= 0 && static_cast<std::size_t>(id) < out.types.size()) {
      out.types[static_cast<std::size_t>(id)] = type;
    }
  }
  out.bos = or_none(source.settings.bos);
  out.eos = or_none(source.settings.eos);
  out.unknown = or_none(source.settings.unknown);
  out.no_default_ids = out.bos < 0 || out.eos < 0 || out.unknown < 0;
  out.pad = or_none(source.settings.pad);
  out.eot = or_none(source.settings.eot);
  out.add_bos = source.settings.add_bos;
  out.add_eos = source.settings.add_eos;
  out.add_space_prefix = model.add_dummy_prefix;
  out.space_prefix = space_prefix(source);
  out.chat_template = source.settings.chat_template;
  out.named_chat_templates = source.settings.named_chat_templates;
  return out;
}

}  // namespace lathe
