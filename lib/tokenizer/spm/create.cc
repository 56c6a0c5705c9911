// Which settings a sentencepiece tokenizer gets from the files around its model.
#include <algorithm>
#include <cmath>

#include "base/escape.h"
#include "base/fail.h"
#include "tokenizer/file_path.h"
#include "tokenizer/gguf_ids.h"
#include "tokenizer/spm/tokenizer.h"
#include "tokenizer/tokenizer_config.h"

namespace lathe {
namespace {

std::optional<TokenId> find_token(const std::string& text, const SpmModel& model,
                                  const TokenizerConfig& config) {
  for (const AddedToken& token : config.added_tokens) {
    if (token.text == text) return token.id;
  }
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].text == text) return static_cast<TokenId>(i);
  }
  return std::nullopt;
}

SpmSource load_from_gguf(const TokenizerFiles& files) {
  const GgufVocabulary& gguf = *files.gguf;
  SpmModel model = spm_model_from_gguf(gguf, files.origin);
  SpmSettings settings;
  const auto id = [&](std::int64_t value, std::string_view name) {
    return checked_token_id(value, gguf.tokens.size(), name, files.origin);
  };
  settings.bos = id(gguf.bos, "bos_token_id");
  settings.eos = id(gguf.eos, "eos_token_id");
  settings.unknown = id(gguf.unknown, "unknown_token_id");
  settings.pad = id(gguf.pad, "padding_token_id");
  settings.eot = id(gguf.eot, "eot_token_id");
  settings.add_bos = gguf.add_bos.value_or(true) && settings.bos.has_value();
  settings.add_eos = gguf.add_eos.value_or(false) && settings.eos.has_value();
  settings.chat_template = gguf.chat_template;
  return {std::move(model), std::move(settings)};
}

}  // namespace

SpmModel spm_model_from_gguf(const GgufVocabulary& gguf, const std::string& file) {
  const std::size_t n = gguf.tokens.size();
  if (!gguf.scores.empty() && gguf.scores.size() != n) {
    fail_invalid("{}: {} tokens but {} scores", quoted(file), n, gguf.scores.size());
  }
  if (!gguf.types.empty() && gguf.types.size() != n) {
    fail_invalid("{}: {} tokens but {} token types", quoted(file), n, gguf.types.size());
  }
  SpmModel model;
  model.kind = SpmKind::kBpe;
  model.add_dummy_prefix = gguf.add_space_prefix.value_or(true);
  model.remove_extra_whitespaces = false;
  model.pieces.resize(n);
  std::size_t bytes = 0;
  std::int64_t unknown = -1;
  for (std::size_t i = 0; i < n; ++i) {
    SpmPiece& piece = model.pieces[i];
    piece.text = gguf.tokens[i];
    piece.score = gguf.scores.empty() ? 0.0f : gguf.scores[i];
    const std::int32_t type = gguf.types.empty() ? 1 : gguf.types[i];
    if (type < 0 || type > 6) {
      fail_invalid("{}: token {} has the unknown type {}", quoted(file), i, type);
    }
    piece.type = type == 0 ? PieceType::kUnused : static_cast<PieceType>(type);
    const auto id = static_cast<std::int64_t>(i);
    if (gguf.types.empty()) {
      if (id == gguf.unknown) {
        piece.type = PieceType::kUnknown;
      } else if (id == gguf.bos || id == gguf.eos) {
        piece.type = PieceType::kControl;
      } else if (byte_piece_value(piece.text) >= 0) {
        piece.type = PieceType::kByte;
      }
    }
    if (piece.type == PieceType::kUnknown && (unknown < 0 || id == gguf.unknown)) unknown = id;
    if (piece.type == PieceType::kByte) ++bytes;
  }
  if (unknown < 0 && gguf.unknown >= 0 && gguf.unknown < static_cast<std::int64_t>(n)) {
    unknown = gguf.unknown;
  }
  if (unknown < 0 && n > 0) unknown = 0;  // sentencepiece's own default
  for (std::size_t i = 0; i < n; ++i) {
    SpmPiece& piece = model.pieces[i];
    if (static_cast<std::int64_t>(i) == unknown) {
      piece.type = PieceType::kUnknown;
      model.unk_piece = piece.text;
    } else if (piece.type == PieceType::kUnknown) {
      piece.type = PieceType::kUnused;  // sentencepiece has one unknown piece
    }
  }
  model.byte_fallback = bytes > 0;
  const auto name = [&](std::int64_t id, std::string& out) {
    if (id >= 0 && id < static_cast<std::int64_t>(n))
      out = gguf.tokens[static_cast<std::size_t>(id)];
  };
  name(gguf.bos, model.bos_piece);
  name(gguf.eos, model.eos_piece);
  name(gguf.pad, model.pad_piece);
  validate_spm_model(model, file);
  return model;
}

SpmSource load_spm(const TokenizerFiles& files) {
  if (files.gguf) return load_from_gguf(files);
  SpmModel model = parse_spm_model(files.sentencepiece_model, file_path(files, "tokenizer.model"));
  TokenizerConfig config = parse_tokenizer_config(files);
  SpmSettings settings;
  const auto control = [&model](const std::string& text) -> std::optional<TokenId> {
    const std::int64_t id = model.find(text, PieceType::kControl);
    return id < 0 ? std::nullopt : std::optional(static_cast<TokenId>(id));
  };
  settings.bos = config.bos ? find_token(*config.bos, model, config) : control(model.bos_piece);
  settings.eos = config.eos ? find_token(*config.eos, model, config) : control(model.eos_piece);
  settings.unknown = config.unknown ? find_token(*config.unknown, model, config) : std::nullopt;
  if (!settings.unknown) {
    const std::int64_t id = model.find(model.unk_piece, PieceType::kUnknown);
    if (id >= 0) settings.unknown = static_cast<TokenId>(id);
  }
  settings.pad = config.pad ? find_token(*config.pad, model, config) : control(model.pad_piece);
  if (config.gguf_eot >= 0) settings.eot = static_cast<TokenId>(config.gguf_eot);
  // Hugging Face's default for models of this kind.
  settings.add_bos = config.add_bos.value_or(true) && settings.bos.has_value();
  settings.add_eos = config.add_eos.value_or(false) && settings.eos.has_value();
  settings.prefix_after_special = config.legacy.value_or(true);
  settings.added = std::move(config.added_tokens);
  settings.chat_template = std::move(config.chat_template);
  if (config.add_prefix_space) model.add_dummy_prefix = *config.add_prefix_space;
  return {std::move(model), std::move(settings)};
}

std::shared_ptr<const Tokenizer> create_spm_tokenizer(const TokenizerFiles& files) {
  SpmSource source = load_spm(files);
  return std::make_shared<SpmTokenizer>(std::move(source.model), std::move(source.settings),
                                        files.origin);
}

}  // namespace lathe
