// Which settings a sentencepiece tokenizer gets from the files around its model.
#include <algorithm>
#include <cmath>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/declared_tokens.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_ids.h"
#include "tokenizer/spm/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {
namespace {

// The one piece that stands for what is unknown: as the file says, else the first of that type,
// else the first of all.
std::size_t unknown_piece(const std::vector<PieceType>& types, const GgufIds& ids) {
  if (ids.unknown && types[static_cast<std::size_t>(*ids.unknown)] == PieceType::kUnknown) {
    return static_cast<std::size_t>(*ids.unknown);
  }
  const auto first = std::ranges::find(types, PieceType::kUnknown);
  if (first != types.end()) return static_cast<std::size_t>(first - types.begin());
  return static_cast<std::size_t>(ids.unknown.value_or(0));
}

// What a vocabulary without types leaves to be told from the tokens themselves.
void guess_types(const GgufVocabulary& gguf, const GgufIds& ids, std::vector<PieceType>& types) {
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (byte_piece_value(gguf.tokens[i]) >= 0) types[i] = PieceType::kByte;
  }
  for (const auto& id : {ids.bos, ids.eos}) {
    if (id) types[static_cast<std::size_t>(*id)] = PieceType::kControl;
  }
}

// Readers of GGUF match user-defined pieces in the text as it is, before anything else.
std::vector<AddedToken> added_tokens(const SpmModel& model) {
  std::vector<AddedToken> out;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const SpmPiece& piece = model.pieces[i];
    const bool special = piece.type == PieceType::kControl || piece.type == PieceType::kUnknown;
    if (!special && piece.type != PieceType::kUserDefined) continue;
    AddedToken token;
    token.text = piece.text;
    token.id = static_cast<TokenId>(i);
    token.special = special;
    out.push_back(std::move(token));
  }
  return out;
}

// Where the space in front goes, if not everywhere (GgufVocabulary::space_prefix).
void put_space_prefix(std::string_view where, const std::string& file, SpmSettings& settings) {
  if (where.empty()) return;
  const bool first = where == "first" || where == "first missing";
  settings.prefix_if_missing = where == "missing" || where == "first missing";
  if (!first && !settings.prefix_if_missing) {
    fail_unsupported("{}: puts a space in front of texts by the rule {}, which is not known",
                     quoted(file), quoted(where));
  }
  settings.prefix_after_special = !first;
}

SpmSource load_from_gguf(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  SpmModel model = spm_model_from_gguf(gguf, files.origin);
  const GgufIds ids = gguf_ids(gguf, files.origin);
  SpmSettings settings;
  settings.bos = ids.bos;
  settings.eos = ids.eos;
  settings.unknown = ids.unknown;
  settings.pad = ids.pad;
  settings.eot = ids.eot;
  settings.add_bos = gguf.add_bos.value_or(true) && settings.bos.has_value();
  settings.add_eos = gguf.add_eos.value_or(false) && settings.eos.has_value();
  settings.added = added_tokens(model);
  put_space_prefix(gguf.space_prefix, files.origin, settings);
  settings.longest_first = true;
  settings.unused_show_nothing = true;
  settings.chat_template = gguf.chat_template;
  settings.named_chat_templates = gguf.named_chat_templates;
  settings.named_tokens = gguf_named_tokens(gguf);
  return {std::move(model), std::move(settings)};
}

}  // namespace

SpmModel spm_model_from_gguf(const GgufVocabulary& gguf, const std::string& file) {
  const std::size_t n = gguf.tokens.size();
  if (!gguf.scores.empty() && gguf.scores.size() != n) {
    fail_invalid("{}: {} tokens but {} scores", quoted(file), n, gguf.scores.size());
  }
  const GgufIds ids = gguf_ids(gguf, file);
  std::vector<PieceType> types = gguf_types(gguf, file);
  if (gguf.types.empty()) guess_types(gguf, ids, types);
  const std::size_t unknown = unknown_piece(types, ids);
  SpmModel model;
  model.kind = SpmKind::kBpe;
  model.add_dummy_prefix = gguf.add_space_prefix.value_or(true);
  model.remove_extra_whitespaces = false;
  model.pieces.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    SpmPiece& piece = model.pieces[i];
    piece.text = gguf.tokens[i];
    piece.score = gguf.scores.empty() ? 0.0f : gguf.scores[i];
    piece.type = types[i];
    if (i == unknown) {
      piece.type = PieceType::kUnknown;
      model.unk_piece = piece.text;
    } else if (piece.type == PieceType::kUnknown) {
      piece.type = PieceType::kUnused;  // sentencepiece has one unknown piece
    }
    model.byte_fallback |= piece.type == PieceType::kByte;
  }
  const auto name = [&](const std::optional<TokenId>& id, std::string& out) {
    if (id) out = gguf.tokens[static_cast<std::size_t>(*id)];
  };
  name(ids.bos, model.bos_piece);
  name(ids.eos, model.eos_piece);
  name(ids.pad, model.pad_piece);
  validate_spm_model(model, file);
  return model;
}

SpmSource load_spm(const TokenizerFiles& files) {
  if (files.gguf) return load_from_gguf(files);
  SpmModel model = parse_spm_model(files.sentencepiece_model, file_path(files, "tokenizer.model"));
  TokenizerConfig config = parse_tokenizer_config(files);
  SpmSettings settings;
  ModelVocabulary vocabulary(model.pieces.size(), [&model](std::size_t id) {
    return std::string_view(model.pieces[id].text);
  });
  const auto of_type = [&](std::string_view text, PieceType type) -> std::optional<TokenId> {
    const std::int64_t id = model.find(text, type);
    return id < 0 ? std::nullopt : std::optional(static_cast<TokenId>(id));
  };
  settings.named_tokens = named_tokens(config);
  add_declared_tokens(config, vocabulary, file_path(files, "tokenizer_config.json"),
                      settings.added);
  const auto named = [&](const std::optional<std::string>& text,
                         std::string_view own) -> std::optional<TokenId> {
    if (!text) return of_type(own, PieceType::kControl);
    const auto at = std::ranges::find(settings.added, *text, &AddedToken::text);
    return at == settings.added.end() ? std::nullopt : std::optional<TokenId>(at->id);
  };
  settings.bos = named(config.bos, model.bos_piece);
  settings.eos = named(config.eos, model.eos_piece);
  settings.pad = named(config.pad, model.pad_piece);
  if (config.unknown) settings.unknown = named(config.unknown, model.unk_piece);
  if (!settings.unknown) settings.unknown = of_type(model.unk_piece, PieceType::kUnknown);
  if (config.gguf_eot >= 0) settings.eot = static_cast<TokenId>(config.gguf_eot);
  // Hugging Face's default for models of this kind.
  settings.add_bos = config.add_bos.value_or(true) && settings.bos.has_value();
  settings.add_eos = config.add_eos.value_or(false) && settings.eos.has_value();
  settings.prefix_after_special = config.legacy.value_or(true);
  put_space_prefix(config.gguf_space_prefix, files.origin, settings);
  settings.longest_first = config.longest_first;
  settings.unused_show_nothing = config.longest_first;
  settings.chat_template = std::move(config.chat_template);
  settings.named_chat_templates = std::move(config.named_chat_templates);
  if (config.add_prefix_space) model.add_dummy_prefix = *config.add_prefix_space;
  return {std::move(model), std::move(settings)};
}

std::shared_ptr<const Tokenizer> create_spm_tokenizer(const TokenizerFiles& files) {
  SpmSource source = load_spm(files);
  return std::make_shared<SpmTokenizer>(std::move(source.model), std::move(source.settings),
                                        files.rows, files.origin);
}

}  // namespace lathe
