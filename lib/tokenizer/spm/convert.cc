#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/gguf_forms.h"
#include "tokenizer/spm/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {
namespace {

std::int64_t or_none(const std::optional<TokenId>& id) { return id ? *id : -1; }

}  // namespace

TokenizerFiles spm_to_hugging_face(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  const SpmModel model = spm_model_from_gguf(gguf, files.origin);
  TokenizerFiles out;
  out.origin = files.origin;
  out.sentencepiece_model = model.serialize();

  nlohmann::ordered_json config = tokenizer_config_json(gguf);
  config["tokenizer_class"] = "LlamaTokenizer";
  config["legacy"] = true;  // a space mark after control tokens too, as GGUF's readers do
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    const std::int32_t type = gguf.types.empty() ? -1 : gguf.types[i];
    if (type >= 0 && type != static_cast<std::int32_t>(piece.type)) {
      config["gguf"]["token_types"].push_back({i, type});
    }
    if (piece.type != PieceType::kControl) continue;
    config["added_tokens_decoder"][std::to_string(i)] = {
        {"content", piece.text}, {"lstrip", false},      {"normalized", false},
        {"rstrip", false},       {"single_word", false}, {"special", true}};
  }
  out.tokenizer_config_json = config.dump(2) + "\n";
  return out;
}

GgufVocabulary spm_to_gguf(const TokenizerFiles& files) {
  const SpmSource source = load_spm(files);
  const SpmModel& model = source.model;
  if (!SpmBpe::supports(model)) {
    // GGUF's "llama" has no field for normalization rules or another kind of model.
    fail_unsupported(
        "{}: a sentencepiece model that is not BPE, or normalizes its text, has no form in "
        "GGUF",
        quoted(files.origin));
  }
  GgufVocabulary out;
  out.model = "llama";
  out.pre = "default";
  for (const SpmPiece& piece : model.pieces) {
    out.tokens.push_back(piece.text);
    out.scores.push_back(piece.score);
    out.types.push_back(static_cast<std::int32_t>(piece.type));
  }
  for (const AddedToken& token : source.settings.added) {
    const auto id = static_cast<std::size_t>(token.id);
    while (out.tokens.size() <= id) {
      out.tokens.push_back("[PAD" + std::to_string(out.tokens.size()) + "]");
      out.scores.push_back(-1000.0f);
      out.types.push_back(static_cast<std::int32_t>(PieceType::kUnused));
    }
    if (id >= model.pieces.size()) {
      out.tokens[id] = token.text;
      out.types[id] = token.special || looks_like_control(token.text) ? 3 : 4;
    } else if (token.special && model.pieces[id].type == PieceType::kNormal) {
      out.types[id] = static_cast<std::int32_t>(PieceType::kControl);
    }
  }
  for (const auto& [id, type] : parse_tokenizer_config(files).gguf_types) {
    if (id >= 0 && static_cast<std::size_t>(id) < out.types.size()) {
      out.types[static_cast<std::size_t>(id)] = type;
    }
  }
  out.bos = or_none(source.settings.bos);
  out.eos = or_none(source.settings.eos);
  out.unknown = or_none(source.settings.unknown);
  out.pad = or_none(source.settings.pad);
  out.eot = or_none(source.settings.eot);
  out.add_bos = source.settings.add_bos;
  out.add_eos = source.settings.add_eos;
  out.add_space_prefix = model.add_dummy_prefix;
  out.chat_template = source.settings.chat_template;
  return out;
}

}  // namespace lathe
